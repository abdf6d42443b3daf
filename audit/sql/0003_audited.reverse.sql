DROP TRIGGER core_setting_is_audited ON core_setting;
DROP TRIGGER audit_adminalert_is_audited ON audit_adminalert;
