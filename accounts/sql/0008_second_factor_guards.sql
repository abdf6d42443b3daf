-- A factor is of one person; its phone may be replaced.
CREATE TRIGGER accounts_secondfactor_is_frozen
    BEFORE UPDATE ON accounts_secondfactor
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('secret', 'last_step', 'confirmed_at');

-- A code that was used would be good again.
CREATE TRIGGER accounts_secondfactor_step_is_never_taken_back
    BEFORE UPDATE ON accounts_secondfactor
    FOR EACH ROW
    WHEN (NEW.last_step < OLD.last_step)
    EXECUTE FUNCTION core_refuse_change();

-- Which step was used last is no news of its own: what came of it is told by the session.
CREATE TRIGGER accounts_secondfactor_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_secondfactor
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('secret', '-last_step');

CREATE TRIGGER accounts_backupcode_is_frozen
    BEFORE UPDATE ON accounts_backupcode
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('used_at');

CREATE TRIGGER accounts_backupcode_is_used_once
    BEFORE UPDATE ON accounts_backupcode
    FOR EACH ROW
    WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)
    EXECUTE FUNCTION core_refuse_change();

CREATE TRIGGER accounts_backupcode_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON accounts_backupcode
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('digest');

-- A session may show a second factor, again and again, and never one of earlier.
DROP TRIGGER accounts_session_is_frozen ON accounts_session;
CREATE TRIGGER accounts_session_is_frozen
    BEFORE UPDATE ON accounts_session
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'user_agent', 'ip', 'last_used_at', 'verified_at', 'revoked_at', 'revoked_for');

-- Sessions also end where all of a person's are ended at once.
DROP TRIGGER accounts_user_locked_out_has_no_session ON accounts_user;
CREATE TRIGGER accounts_user_locked_out_has_no_session
    AFTER UPDATE ON accounts_user
    FOR EACH ROW
    WHEN (NEW.password IS DISTINCT FROM OLD.password OR NEW.lockouts IS DISTINCT FROM OLD.lockouts
        OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION accounts_end_sessions();

-- Superadmins come and go one at a time: whoever makes one less holds this lock until the transaction's end.
CREATE FUNCTION accounts_lock_superadmins() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT pg_advisory_xact_lock(hashtext('accounts.superadmins')) $$;

CREATE FUNCTION accounts_is_superadmin(person uuid, is_superuser boolean) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
    AS $$
    SELECT is_superuser OR EXISTS (
        SELECT FROM accounts_user_groups AS link JOIN auth_group AS role ON role.id = link.group_id
        WHERE link.user_id = person AND role.name = 'superadmin')
$$;

-- Checked at the transaction's end, by whichever way a superadmin is lost. Each statement of a volatile function sees
-- what was committed before it, so that whoever waited for the lock sees what the one before has done.
CREATE FUNCTION accounts_keep_a_superadmin() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    PERFORM accounts_lock_superadmins();
    IF TG_TABLE_NAME = 'accounts_user' THEN
        -- A role that was taken in the same transaction has a check of its own.
        IF NOT accounts_is_superadmin(OLD.id, OLD.is_superuser) THEN
            RETURN NULL;
        END IF;
    ELSIF TG_TABLE_NAME = 'accounts_user_groups' THEN
        -- A role that is gone by now may have been this one.
        IF EXISTS (SELECT FROM auth_group WHERE id = OLD.group_id AND name <> 'superadmin') THEN
            RETURN NULL;
        END IF;
    END IF;
    IF NOT EXISTS (
        SELECT FROM accounts_user AS person
        WHERE person.is_active AND person.is_staff AND accounts_is_superadmin(person.id, person.is_superuser))
    THEN
        RAISE EXCEPTION 'nobody would be superadmin any more'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER accounts_user_has_a_superadmin_left
    AFTER UPDATE ON accounts_user
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN ((OLD.is_active AND OLD.is_staff AND NOT (NEW.is_active AND NEW.is_staff))
        OR (OLD.is_superuser AND NOT NEW.is_superuser))
    EXECUTE FUNCTION accounts_keep_a_superadmin();

CREATE CONSTRAINT TRIGGER accounts_user_gone_has_a_superadmin_left
    AFTER DELETE ON accounts_user
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN (OLD.is_active AND OLD.is_staff)
    EXECUTE FUNCTION accounts_keep_a_superadmin();

CREATE CONSTRAINT TRIGGER auth_group_has_a_superadmin_left
    AFTER UPDATE ON auth_group
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    WHEN (OLD.name = 'superadmin' AND NEW.name <> 'superadmin')
    EXECUTE FUNCTION accounts_keep_a_superadmin();

CREATE CONSTRAINT TRIGGER accounts_user_groups_has_a_superadmin_left
    AFTER UPDATE OR DELETE ON accounts_user_groups
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW
    EXECUTE FUNCTION accounts_keep_a_superadmin();
