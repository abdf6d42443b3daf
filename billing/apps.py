from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from accounts.balances import register_balance_reader
        from accounts.events import on_user_created
        from audit import sealing
        from billing import receivers, runtime_settings  # noqa: F401  the settings register themselves
        from billing.api import schema  # noqa: F401  drf-spectacular finds the extension by its being imported
        from billing.models import Transaction
        from billing.queries import balances

        sealing.register(Transaction, ordering="position")
        on_user_created(receivers.open_wallet)
        register_balance_reader(balances.shown_balances)
