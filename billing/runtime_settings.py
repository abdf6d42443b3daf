"""What operators may change about billing while it runs."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from core.money import Money
from core.runtime_settings import Definition, register

INVOICE_LIFETIME_MINUTES: Final = register(
    key="billing.invoice_lifetime_minutes",
    value_type=int,
    default=24 * 60,
    minimum=1,
    maximum=30 * 24 * 60,
    help_text=_("How long an unpaid invoice waits for its payment, in minutes."),
)

# What payment providers take at the least. A price that a promo code pushes below is refused before it is shown.
MINIMUM_AMOUNTS: Final[dict[str, Definition[Money]]] = {
    currency: register(
        key=f"billing.minimum_amount_{currency.lower()}",
        value_type=Money,
        default=Money(default, currency),
        minimum=1,
        help_text=_("The least that a discounted invoice may ask for, in minor units."),
    )
    for currency, default in (("RUB", 100), ("USD", 50), ("EUR", 50))
}

PROMO_CODE_TRIES_PER_HOUR: Final = register(
    key="billing.promo_code_tries_per_hour",
    value_type=int,
    default=600,
    minimum=1,
    maximum=1_000_000,
    help_text=_("How many promo codes one caller may try in an hour."),
)
