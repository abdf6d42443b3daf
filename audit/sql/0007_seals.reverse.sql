DROP FUNCTION audit_seal_over(regclass, text, text, text[], bigint, bigint, text, bigint, text, timestamptz);
DROP FUNCTION audit_digests(regclass, text, text, text[], bigint, bigint);
DROP TRIGGER audit_seal_is_never_truncated ON audit_seal;
DROP TRIGGER audit_seal_is_append_only ON audit_seal;
