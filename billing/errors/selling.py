"""Why something is not sold: tariffs, promo codes, invoices."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


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
