from audit.models.admin_alert import AdminAlert
from audit.models.audit_log import AuditLog
from audit.models.delivery import Delivery
from audit.models.seal import NO_HASH, Seal, SealChain
from audit.models.system_log import SystemLog

__all__ = ["NO_HASH", "AdminAlert", "AuditLog", "Delivery", "Seal", "SealChain", "SystemLog"]
