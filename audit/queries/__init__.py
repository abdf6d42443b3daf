"""Questions to the audit log, its seals and the alerts."""

from audit.queries.logs import list_alerts, list_history, list_logs, list_logs_of_request, list_open_alerts

__all__ = ["list_alerts", "list_history", "list_logs", "list_logs_of_request", "list_open_alerts"]
