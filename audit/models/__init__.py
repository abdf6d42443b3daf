from audit.models.admin_alert import AdminAlert
from audit.models.audit_log import AuditLog
from audit.models.seal import NO_HASH, Seal, SealChain

__all__ = ["NO_HASH", "AdminAlert", "AuditLog", "Seal", "SealChain"]
