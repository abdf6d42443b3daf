"""What the house's settings are to be so that it speaks to the made-up services instead of to the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# In the installation's folder, while they run; commands beside them read it (config.environment.adopt_made_up).
FILE: Final = "made-up.env"
# Nothing is kept at the made-up services, and nobody else takes these.
STRIPE_WEBHOOK_SECRET: Final = "whsec_of_nobody_but_the_made_up_one"  # noqa: S105  see above
# Whoever tries Dvorik out has no bot; the development's dummy token and this secret do for a made-up Telegram.
BOT_TOKEN: Final = "1000000000:a-dummy-that-no-bot-has"  # noqa: S105  nobody has this bot
BOT_WEBHOOK_SECRET: Final = "a-secret-of-nobody-but-the-made-up-one"  # noqa: S105  of the made-up Telegram only


def variables(address: str, environment: Mapping[str, str]) -> dict[str, str]:
    """
    Those that are missing, service by service: one for which anything is set is left to its owner.

    :param address: of the made-up services: ``http://127.0.0.1:8100``
    :param environment: as it is
    """
    if environment.get("ENV", "development") != "development":
        return {}
    found: dict[str, str] = {}
    for service in (
        {
            "YOOKASSA_API_BASE": f"{address}/yookassa/v3",
            "YOOKASSA_SHOP_ID": "100500",
            "YOOKASSA_SECRET_KEY": "a-key-of-a-made-up-shop",
        },
        {
            "STRIPE_API_BASE": f"{address}/stripe",
            "STRIPE_SECRET_KEY": "sk_of_a_made_up_account",
            "STRIPE_WEBHOOK_SECRET": STRIPE_WEBHOOK_SECRET,
        },
        {"TELEGRAM_API_BASE": f"{address}/telegram", "BOT_TOKEN": BOT_TOKEN, "BOT_WEBHOOK_SECRET": BOT_WEBHOOK_SECRET},
    ):
        if not any(environment.get(name) for name in service):
            found |= service
    return found
