"""What the audit log and the alerts refuse."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class AlertNotFound(DomainError):
    code = "audit.alert_not_found"
    status = 404
    title = _("There is no such alert.")


class AlertResolved(DomainError):
    code = "audit.alert_resolved"
    title = _("The alert has been resolved already.")
