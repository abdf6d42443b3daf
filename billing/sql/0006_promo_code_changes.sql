-- Each use of a code is a row of its own, so the count alone is not told; together with anything else it is.
DROP TRIGGER billing_promocode_change_is_audited ON billing_promocode;
CREATE TRIGGER billing_promocode_change_is_audited
    AFTER UPDATE ON billing_promocode
    FOR EACH ROW
    WHEN (to_jsonb(OLD) - '{uses_count}'::text[] IS DISTINCT FROM to_jsonb(NEW) - '{uses_count}'::text[])
    EXECUTE FUNCTION audit_record_row();
