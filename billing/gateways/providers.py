"""Which payment providers there are, and which of them are set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Final

from django.conf import settings

from billing.gateways.provider import Provider

# Imported when first asked for: a provider's library costs memory in every process.
_MODULES: Final[Mapping[str, str]] = {
    "telegram_stars": "billing.gateways.telegram_stars",
    "telegram": "billing.gateways.telegram",
    "manual": "billing.gateways.manual",
    "promo": "billing.gateways.promo",
    "yookassa": "billing.gateways.yookassa",
    "stripe": "billing.gateways.stripe",
}


@cache
def get(code: str) -> Provider:
    """
    A provider, by its code.

    :raises LookupError: there is no such provider
    """
    make: Callable[[], Provider] = import_module(_MODULES[code]).make
    return make()


def is_set_up(code: str) -> bool:
    """Whether customers can be sent to it: it has a till, and its credentials are in the settings."""
    return code in _MODULES and bool(settings.PAYMENT_PROVIDERS.get(code))


def list_codes() -> tuple[str, ...]:
    """The codes of all providers."""
    return tuple(_MODULES)
