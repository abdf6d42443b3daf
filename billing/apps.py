from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from accounts.balances import register_balance_reader
        from accounts.events import on_user_created
        from audit import sealing
        from billing import bot, receivers, renewal_charges, runtime_settings  # noqa: F401  settings and handlers register themselves
        from billing.api import schema  # noqa: F401  drf-spectacular finds the extension by its being imported
        from billing.models import Transaction
        from billing.operations import agreements
        from billing.queries import balances

        for provider in ("yookassa", "stripe"):
            renewal_charges.register(provider, agreements)
        sealing.register(Transaction, ordering="position")
        on_user_created(receivers.open_wallet)
        on_user_created(receivers.bind_referral)
        register_balance_reader(balances.shown_balances)
