"""Why nobody brought somebody."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class ReferralOfOneself(DomainError):
    code = "billing.referral_of_oneself"
    status = 409
    title = _("Nobody brings themselves.")
    constraints = ("billing_referral_is_of_somebody_else",)


class ReferralExists(DomainError):
    code = "billing.referral_exists"
    status = 409
    title = _("Somebody else brought this customer.")
    constraints = ("billing_referral_is_one_per_referred", "billing_referral_is_one_per_pair")


class ReferralCycle(DomainError):
    code = "billing.referral_cycle"
    status = 409
    title = _("The referrer was brought by this customer.")
    constraints = ("billing_referral_has_no_cycle",)
