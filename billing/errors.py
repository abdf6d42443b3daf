"""Why billing says no. One cause, one class, one code."""

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


class TariffNotFound(DomainError):
    code = "billing.tariff_not_found"
    status = 404
    title = _("There is no such tariff.")


class TariffChanged(DomainError):
    """Data: ``version``, the present one, and ``seen``."""

    code = "billing.tariff_changed"
    status = 409
    title = _("The tariff has changed since you opened it.")


class TariffSlugTaken(DomainError):
    code = "billing.tariff_slug_taken"
    status = 409
    title = _("Another tariff has this code.")
    constraints = ("billing_tariff_slug_key",)


class TariffNotOnSale(DomainError):
    code = "billing.tariff_not_on_sale"
    status = 409
    title = _("The tariff is not on sale.")


class TariffNotForOwner(DomainError):
    code = "billing.tariff_not_for_owner"
    status = 409
    title = _("The tariff is not for this kind of customer.")


class CurrencyNotOffered(DomainError):
    code = "billing.currency_not_offered"
    status = 409
    title = _("The tariff is not sold in this currency.")


class AmountBelowMinimum(DomainError):
    """Data: ``amount`` and ``minimum``, money."""

    code = "billing.amount_below_minimum"
    status = 409
    title = _("The discounted price is below what can be paid.")


class PromoCodeNotValid(DomainError):
    """Unknown, not begun, ended or switched off: answered alike, so that guessing teaches nothing."""

    code = "billing.promo_code_not_valid"
    status = 404
    title = _("There is no such promo code, or it is not valid now.")


class PromoCodeExhausted(DomainError):
    code = "billing.promo_code_exhausted"
    status = 409
    title = _("The promo code has been used up.")
    constraints = ("billing_promocode_is_not_overused",)


class PromoCodeAlreadyUsed(DomainError):
    code = "billing.promo_code_already_used"
    status = 409
    title = _("This customer has already used the promo code.")


class PromoCodeNotForTariff(DomainError):
    code = "billing.promo_code_not_for_tariff"
    status = 409
    title = _("The promo code is for another tariff.")


class PromoCodeCurrencyMismatch(DomainError):
    code = "billing.promo_code_currency_mismatch"
    status = 409
    title = _("The promo code is in another currency.")


class PromoCodeWithoutEffect(DomainError):
    code = "billing.promo_code_without_effect"
    status = 409
    title = _("The promo code would change nothing.")


class PromoCodeTaken(DomainError):
    code = "billing.promo_code_taken"
    status = 409
    title = _("This promo code exists already.")
    constraints = ("billing_promocode_code_key",)


class InvoiceNotFound(DomainError):
    code = "billing.invoice_not_found"
    status = 404
    title = _("There is no such invoice.")


class InvoiceNotPending(DomainError):
    """Data: ``invoice_status``; ``status`` alone is the answer's own."""

    code = "billing.invoice_not_pending"
    status = 409
    title = _("The invoice is no longer waiting for payment.")
    constraints = ("billing_invoice_status_follows_its_edges",)


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


class ReversalExceedsLot(DomainError):
    """Data: ``required`` and ``remaining``, tokens."""

    code = "billing.reversal_exceeds_lot"
    status = 409
    title = _("More tokens were asked back than the purchase gave.")
