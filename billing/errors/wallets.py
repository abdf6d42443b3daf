"""Why tokens do not move."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class WalletNotFound(DomainError):
    code = "billing.wallet_not_found"
    status = 404
    title = _("There is no such customer.")


class InsufficientTokens(DomainError):
    """Data: ``required`` and ``available``, tokens."""

    code = "billing.insufficient_tokens"
    status = 402
    title = _("Not enough tokens.")
    constraints = ("billing_wallet_balance_is_not_negative", "billing_wallet_held_tokens_are_covered")


class WalletFrozen(DomainError):
    """Data: ``required`` and ``available``, tokens."""

    code = "billing.wallet_frozen"
    status = 402
    title = _("The wallet is frozen.")


class IdempotencyMismatch(DomainError):
    code = "billing.idempotency_mismatch"
    status = 422
    title = _("This idempotency key was used for another request.")


class TokensOutOfRange(DomainError):
    code = "billing.tokens_out_of_range"
    status = 400
    title = _("The number of tokens is out of range.")


class BatchTooLarge(DomainError):
    code = "billing.batch_too_large"
    status = 400
    title = _("Too many charges in one batch.")


class HoldNotFound(DomainError):
    code = "billing.hold_not_found"
    status = 404
    title = _("There is no such hold.")


class HoldClosed(DomainError):
    """Data: ``state``."""

    code = "billing.hold_closed"
    status = 409
    title = _("The hold was already captured, released or has expired.")
    constraints = ("billing_hold_is_closed_once",)


class CaptureExceedsHold(DomainError):
    """Data: ``required`` and ``held``, tokens."""

    code = "billing.capture_exceeds_hold"
    status = 409
    title = _("More tokens were asked for than the hold has.")
    constraints = ("billing_hold_captures_at_most_what_it_holds",)


class ExpiryInThePast(DomainError):
    code = "billing.expiry_in_the_past"
    status = 400
    title = _("The expiry must lie in the future.")


class ReversalExceedsLot(DomainError):
    """Data: ``required`` and ``remaining``, tokens."""

    code = "billing.reversal_exceeds_lot"
    status = 409
    title = _("More tokens were asked back than the purchase gave.")
