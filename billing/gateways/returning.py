"""Where a provider sends customers once they have paid, or have thought better of it."""

from django.conf import settings

from billing.gateways.provider import Order


def address_after(order: Order) -> str:
    """What the order says; else the house's bot, from which most of them came."""
    return order.return_url or f"https://t.me/{settings.BOT_USERNAME}"
