DROP TRIGGER billing_promocode_change_is_audited ON billing_promocode;
CREATE TRIGGER billing_promocode_change_is_audited
    AFTER UPDATE ON billing_promocode
    FOR EACH ROW
    WHEN (OLD.uses_count = NEW.uses_count)
    EXECUTE FUNCTION audit_record_row();
