"""Somebody who buys in the made-up Telegram, and what the house hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import requests
from django.test import Client

from billing.models import Invoice
from billing.operations import checkouts
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, WalletFactory
from core.jobs.drain import run_due
from messaging.tests.factories import SECRET, SECRET_HEADER, TOKEN, message, update
from scripts.fakes.bot_api import BotApi
from scripts.fakes.bot_api_world import World
from scripts.fakes.server import House

MAIN: Final = "/webhooks/main-bot"
STARS: Final = 100


def invoice(**tariff: Any) -> Invoice:
    """An invoice of a customer with Telegram, over 50 tokens for 100 Stars."""
    sold = TariffFactory.create(**{"price_stars": STARS, "tokens": 50, **tariff})
    made: Invoice = InvoiceFactory.create(wallet=WalletFactory.create(), tariff=sold)
    return made


def payer_of(bought: Invoice) -> int:
    """The Telegram id of an invoice's owner."""
    assert bought.wallet.user is not None
    assert bought.wallet.user.telegram_id is not None
    return bought.wallet.user.telegram_id


def question(bought: Invoice, **changes: Any) -> dict[str, Any]:
    """The update by which Telegram asks before it takes the money."""
    language = changes.pop("language_code", "ru")
    payer = changes.pop("payer", None) or payer_of(bought)
    sender = {"id": payer, "is_bot": False, "first_name": "Anna"}
    query = {
        "id": "77",
        "from": {**sender, "language_code": language},
        "currency": "XTR",
        "total_amount": STARS,
        "invoice_payload": str(bought.pk),
    }
    return update(pre_checkout_query={**query, **changes})


def paid(bought: Invoice, *, charge_id: str = "stx-1", **changes: Any) -> dict[str, Any]:
    """The update by which Telegram tells that it has taken the money."""
    told = {
        "currency": "XTR",
        "total_amount": STARS,
        "invoice_payload": str(bought.pk),
        "telegram_payment_charge_id": charge_id,
        "provider_payment_charge_id": "",
    }
    return message(sender=payer_of(bought), successful_payment={**told, **changes})


def post(body: Any) -> Any:
    """Telegram's request to the main bot's webhook."""
    return Client(headers={SECRET_HEADER: SECRET}).post(MAIN, body, content_type="application/json")


@dataclass(frozen=True)
class Shop:
    """
    A main bot that is connected to the made-up Telegram.

    :param base: where the house is reached: a running server's address
    """

    house: House
    telegram: BotApi
    base: str

    @property
    def world(self) -> World:
        return self.telegram.world(TOKEN)

    def connect(self) -> None:
        """Have updates sent to the house."""
        said = {"url": f"{self.base}{MAIN}", "secret_token": SECRET}
        requests.post(f"{self.house.address}/telegram/bot{TOKEN}/setWebhook", json=said, timeout=10).raise_for_status()

    def deed(self, name: str, **said: Any) -> dict[str, Any]:
        """Something that people or Telegram do; the house has heard of it, and done what follows, when this ends."""
        asked = requests.post(f"{self.house.address}/telegram/_deeds", json={"deed": name, **said}, timeout=30)
        asked.raise_for_status()
        self.settle()
        answer: dict[str, Any] = asked.json()
        return answer

    def settle(self) -> None:
        """Wait until the house has heard everything, and do its jobs."""
        assert self.world.courier.wait_until_idle()
        run_due()

    def link(self, bought: Invoice) -> str:
        """Where an invoice is paid."""
        return checkouts.start(invoice_id=bought.pk, provider="telegram_stars", by=TESTER).invoice_link

    def buy(self, bought: Invoice, **changes: Any) -> dict[str, Any]:
        """Its owner presses the button."""
        said = {"invoice": self.link(bought), "user": payer_of(bought), "language_code": "ru", **changes}
        return self.deed("pay", **said)
