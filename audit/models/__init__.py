from audit.models.admin_alert import AdminAlert
from audit.models.audit_log import AuditLog

__all__ = ["AdminAlert", "AuditLog"]
