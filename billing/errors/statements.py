"""Why a difference to a provider's books stays as it is."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class StatementLineNotFound(DomainError):
    code = "billing.statement_line_not_found"
    status = 404
    title = _("There is no such difference to a provider's books.")


class StatementLineDecided(DomainError):
    """Data: ``state``."""

    code = "billing.statement_line_decided"
    status = 409
    title = _("It was already decided about this difference.")


class StatementLineNotBookable(DomainError):
    """Data: ``verdict``."""

    code = "billing.statement_line_not_bookable"
    status = 409
    title = _("Only what is missing here can be booked.")
