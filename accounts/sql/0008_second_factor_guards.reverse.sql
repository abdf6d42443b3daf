DROP TRIGGER accounts_user_groups_has_a_superadmin_left ON accounts_user_groups;
DROP TRIGGER auth_group_has_a_superadmin_left ON auth_group;
DROP TRIGGER accounts_user_gone_has_a_superadmin_left ON accounts_user;
DROP TRIGGER accounts_user_has_a_superadmin_left ON accounts_user;
DROP FUNCTION accounts_keep_a_superadmin();
DROP FUNCTION accounts_is_superadmin(uuid, boolean);
DROP FUNCTION accounts_lock_superadmins();
DROP TRIGGER accounts_user_locked_out_has_no_session ON accounts_user;
CREATE TRIGGER accounts_user_locked_out_has_no_session
    AFTER UPDATE ON accounts_user
    FOR EACH ROW
    WHEN (NEW.password IS DISTINCT FROM OLD.password OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION accounts_end_sessions();
DROP TRIGGER accounts_session_is_frozen ON accounts_session;
CREATE TRIGGER accounts_session_is_frozen
    BEFORE UPDATE ON accounts_session
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'user_agent', 'ip', 'last_used_at', 'revoked_at', 'revoked_for');
DROP TRIGGER accounts_backupcode_is_audited ON accounts_backupcode;
DROP TRIGGER accounts_backupcode_is_used_once ON accounts_backupcode;
DROP TRIGGER accounts_backupcode_is_frozen ON accounts_backupcode;
DROP TRIGGER accounts_secondfactor_is_audited ON accounts_secondfactor;
DROP TRIGGER accounts_secondfactor_step_is_never_taken_back ON accounts_secondfactor;
DROP TRIGGER accounts_secondfactor_is_frozen ON accounts_secondfactor;
