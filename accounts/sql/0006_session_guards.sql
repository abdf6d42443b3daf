-- A session is of one person, from one moment to another, and stays so.
CREATE TRIGGER accounts_session_is_frozen
    BEFORE UPDATE ON accounts_session
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'user_agent', 'ip', 'last_used_at', 'revoked_at', 'revoked_for');

CREATE TRIGGER accounts_session_is_revoked_for_good
    BEFORE UPDATE ON accounts_session
    FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL
        AND (NEW.revoked_at, NEW.revoked_for) IS DISTINCT FROM (OLD.revoked_at, OLD.revoked_for))
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER accounts_session_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_session
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('user_agent', 'ip', '-last_used_at');

CREATE TRIGGER accounts_refreshtoken_is_frozen
    BEFORE UPDATE ON accounts_refreshtoken
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('used_at', 'used_by', 'successor_id');

CREATE TRIGGER accounts_refreshtoken_is_used_once
    BEFORE UPDATE ON accounts_refreshtoken
    FOR EACH ROW
    WHEN (OLD.used_at IS NOT NULL AND NEW IS DISTINCT FROM OLD)
    EXECUTE FUNCTION core_refuse_change();

-- A used token that were gone could be shown again unnoticed.
CREATE TRIGGER accounts_refreshtoken_is_kept_until_it_expires
    BEFORE DELETE ON accounts_refreshtoken
    FOR EACH ROW
    WHEN (OLD.expires_at > core_now())
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER accounts_logintoken_is_frozen
    BEFORE UPDATE ON accounts_logintoken
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'user_agent', 'ip', 'user_id', 'confirmed_at', 'used_at');

CREATE TRIGGER accounts_logintoken_is_confirmed_once
    BEFORE UPDATE ON accounts_logintoken
    FOR EACH ROW
    WHEN (OLD.confirmed_at IS NOT NULL
        AND (NEW.confirmed_at, NEW.user_id) IS DISTINCT FROM (OLD.confirmed_at, OLD.user_id))
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER accounts_logintoken_is_used_once
    BEFORE UPDATE ON accounts_logintoken
    FOR EACH ROW
    WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)
    EXECUTE FUNCTION core_refuse_change();

-- Whoever is kept out, and whoever changes their password, leaves every device; also when it happens by
-- `manage.py changepassword` or by raw SQL.
CREATE FUNCTION accounts_end_sessions() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    UPDATE accounts_session SET revoked_at = core_now(), revoked_for = 'locked_out'
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_user_locked_out_has_no_session
    AFTER UPDATE ON accounts_user
    FOR EACH ROW
    WHEN (NEW.password IS DISTINCT FROM OLD.password OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION accounts_end_sessions();
