"""
Admin of what happened, and of the trouble that somebody should look after. Django looks for pages here; each file
registers its own.
"""

from audit.admin import admin_alerts, audit_logs, history, seals, system_logs

__all__ = ["admin_alerts", "audit_logs", "history", "seals", "system_logs"]
