DROP FUNCTION audit_keep_systemlog();
DROP TABLE audit_systemlog;
