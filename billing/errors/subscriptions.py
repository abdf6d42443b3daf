"""Why a subscription or a trial is not begun or changed."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class SubscriptionNotFound(DomainError):
    code = "billing.subscription_not_found"
    status = 404
    title = _("There is no such subscription.")


class SubscriptionNotBegun(DomainError):
    code = "billing.subscription_not_begun"
    status = 409
    title = _("Nothing has been paid for the subscription yet.")


class SubscriptionOver(DomainError):
    """Data: ``ended_at``."""

    code = "billing.subscription_over"
    status = 409
    title = _("The subscription is over.")
    constraints = ("billing_subscription_ends_once",)


class SubscriptionExists(DomainError):
    """Data: ``subscription``, its id."""

    code = "billing.subscription_exists"
    status = 409
    title = _("There is already a subscription of this kind.")
    constraints = ("billing_subscription_is_one_per_wallet_and_family",)


class TariffWithoutSubscription(DomainError):
    code = "billing.tariff_without_subscription"
    status = 409
    title = _("The tariff sells no subscription.")


class TariffOfAnotherFamily(DomainError):
    """Data: ``family``, the subscription's."""

    code = "billing.tariff_of_another_family"
    status = 409
    title = _("The tariff belongs to another family than the subscription.")


class TrialNotOffered(DomainError):
    code = "billing.trial_not_offered"
    status = 409
    title = _("The tariff has no trial.")


class TrialUsed(DomainError):
    code = "billing.trial_used"
    status = 409
    title = _("The trial was already used.")
    constraints = ("billing_trial_is_one_per_owner_and_family", "billing_trial_is_one_per_wallet_and_family")
