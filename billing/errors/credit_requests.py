"""Why tokens are not given by hand."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class CreditLimitReached(DomainError):
    """Data: ``required``, ``limit`` and ``used``, tokens of the day, and ``resets_at``, when the next day begins."""

    code = "billing.credit_limit_reached"
    status = 409
    title = _("This is more than you may still credit today.")
    constraints = ("billing_creditallowance_is_not_exceeded",)


class CreditTooLarge(DomainError):
    """Data: ``required`` and ``maximum``, tokens."""

    code = "billing.credit_too_large"
    status = 403
    title = _("A credit of this size is not yours to ask for.")


class CreditByNobody(DomainError):
    code = "billing.credit_by_nobody"
    status = 403
    title = _("Tokens are given by somebody: a colleague or an API key.")


class CreditRequestPending(DomainError):
    """Data: ``request``, the id of the one that waits."""

    code = "billing.credit_request_pending"
    status = 409
    title = _("A credit that you asked for this customer already waits for approval.")
    constraints = ("billing_creditrequest_is_pending_once_per_giver",)


class CreditRequestNotFound(DomainError):
    code = "billing.credit_request_not_found"
    status = 404
    title = _("There is no such credit to approve.")


class CreditRequestClosed(DomainError):
    """Data: ``state``."""

    code = "billing.credit_request_closed"
    status = 409
    title = _("The credit was already approved, declined or has expired.")
    constraints = ("billing_creditrequest_is_decided_once",)


class CreditRequestIsYourOwn(DomainError):
    code = "billing.credit_request_is_your_own"
    status = 403
    title = _("Somebody else must decide about a credit that you asked for.")
    constraints = ("billing_creditrequest_is_decided_by_another",)


class CreditNotYoursToDecide(DomainError):
    code = "billing.credit_not_yours_to_decide"
    status = 403
    title = _("Only a colleague with the right to approve credits decides about them.")
