DROP FUNCTION audit_raise_alert(text, text, text, text, jsonb);
DROP FUNCTION audit_record_row();
DROP FUNCTION audit_append(text, text, text, jsonb, jsonb);
DROP TRIGGER audit_auditlog_is_never_truncated ON audit_auditlog;
DROP TRIGGER audit_auditlog_is_append_only ON audit_auditlog;
