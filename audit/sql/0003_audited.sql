-- An alert's repetitions are counted on it; they are no news of their own.
CREATE TRIGGER audit_adminalert_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON audit_adminalert
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('-count', '-last_seen_at');

-- core lies below audit and cannot ask for this itself.
CREATE TRIGGER core_setting_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON core_setting
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('secret_value', '@key');
