from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from accounts.balances import register_balance_reader
        from accounts.events import on_user_created
        from billing import runtime_settings  # noqa: F401  registers its keys
        from billing.operations import wallets
        from billing.queries import balances

        # Within the transaction that makes the person: a first message makes one user and one wallet.
        on_user_created(lambda user_id, by: wallets.open_for_user(user_id=user_id, by=by) and None)
        register_balance_reader(balances.shown_balances)
