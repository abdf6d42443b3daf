"""Why money is not taken, or does not go back."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class PaymentMismatch(DomainError):
    """The payment is kept and an operator is told. Data: ``expected`` and ``received``, money, and ``payment``."""

    code = "billing.payment_mismatch"
    status = 409
    title = _("The payment does not match the invoice.")


class PaymentOfAnotherInvoice(DomainError):
    code = "billing.payment_of_another_invoice"
    status = 409
    title = _("This provider's payment belongs to another invoice.")
    constraints = ("billing_payment_is_one_per_provider_id",)


class PaymentNotFound(DomainError):
    code = "billing.payment_not_found"
    status = 404
    title = _("There is no such payment.")


class PaymentNotCaptured(DomainError):
    """Data: ``payment_status``."""

    code = "billing.payment_not_captured"
    status = 409
    title = _("No money of this payment is here to go back.")


class PaymentDisputed(DomainError):
    code = "billing.payment_disputed"
    status = 409
    title = _("The payer contests this payment; it waits for the verdict.")


class PaymentEventNotFound(DomainError):
    code = "billing.payment_event_not_found"
    status = 404
    title = _("There is no such payment event.")


class RefundNotFound(DomainError):
    code = "billing.refund_not_found"
    status = 404
    title = _("There is no such refund.")


class RefundExceedsPayment(DomainError):
    """Data: ``remaining``, what may still go back."""

    code = "billing.refund_exceeds_payment"
    status = 409
    title = _("Less is left of the payment than is to go back.")
    constraints = ("billing_payment_refunds_stay_within_it",)


class RefundPending(DomainError):
    code = "billing.refund_pending"
    status = 409
    title = _("Another refund of this payment is on its way.")
    constraints = ("billing_refund_is_pending_once_per_payment",)


class RefundChanged(DomainError):
    """What a refund would do is not any more what was agreed to."""

    code = "billing.refund_changed"
    status = 409
    title = _("This refund would do something else by now.")


class NothingToRefund(DomainError):
    code = "billing.nothing_to_refund"
    status = 409
    title = _("Nothing is left to refund by this policy.")


class PartialRefundNotPossible(DomainError):
    """Data: ``amount``, what was to go back, and ``whole``, what can."""

    code = "billing.partial_refund_not_possible"
    status = 409
    title = _("This provider refunds whole payments only.")


class RefundMadeElsewhere(DomainError):
    """Nobody here can ask the provider for a refund; one that was made there is recorded in Admin."""

    code = "billing.refund_made_elsewhere"
    status = 409
    title = _("Refunds of this provider are made in its own office, and recorded here afterwards.")


class RefundAmountNotYours(DomainError):
    code = "billing.refund_amount_not_yours"
    status = 400
    title = _("This policy computes the amount itself.")


class ProviderNotAvailable(DomainError):
    code = "billing.provider_not_available"
    status = 503
    title = _("The payment provider does not answer; try again.")
    retry_after = 10


class WebhookSignatureWrong(DomainError):
    code = "billing.webhook_signature_wrong"
    status = 403
    title = _("The payment provider did not sign this.")


class ProviderNotOffered(DomainError):
    code = "billing.provider_not_offered"
    status = 409
    title = _("This invoice cannot be paid with this provider.")
