"""Payment providers that are made up, over real HTTP, and what comes of what they tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.test import Client, override_settings

from billing.models import Checkout, Invoice, Payment
from billing.operations import checkouts
from billing.tests.factories import TESTER, InvoiceFactory
from core.jobs import drain
from scripts.fakes.server import House, running
from scripts.fakes.stripe import Stripe
from scripts.fakes.yookassa import YooKassa

SHOP: Final = ("100500", "test_secret")
ACCOUNT: Final = "sk_made_up"
WEBHOOK_SECRET: Final = "whsec_made_up"


@dataclass
class YooKassaTill:
    """
    :param house: where it runs: faults are scripted and calls are looked up there
    :param shop: the made-up YooKassa itself
    """

    house: House
    shop: YooKassa
    _delivered: int = field(default=0)

    def begun(self, invoice: Invoice | None = None) -> Checkout:
        """A checkout of an invoice, a new one by default."""
        wanted = invoice or InvoiceFactory.create()
        return checkouts.start(invoice_id=wanted.pk, provider="yookassa", by=TESTER)

    def do(self, deed: str, **said: Any) -> Any:
        """What somebody does at the till or in the cabinet."""
        return self.shop.do({"deed": deed, **said})

    def deliver(self, *, repeat: int = 1, reverse: bool = False) -> list[int]:
        """
        Bring what YooKassa has told since the last time, and let the jobs look into it.

        :returns: how each was answered
        """
        new = self.shop.told[self._delivered :]
        self._delivered = len(self.shop.told)
        answers = [notify(body) for body in (reversed(new) if reverse else new) for _time in range(repeat)]
        drain.run_due()
        return answers

    def paid(self, invoice: Invoice | None = None, **changes: Any) -> Payment:
        """An invoice that was paid, as far as the house has heard."""
        checkout = self.begun(invoice)
        self.do("pay", payment=checkout.provider_payment_id, changes=changes)
        self.deliver()
        return Payment.objects.get(provider_payment_id=checkout.provider_payment_id)


@contextmanager
def yookassa() -> Iterator[YooKassaTill]:
    """A shop at a made-up YooKassa for the length of the block."""
    shop = YooKassa(shop=SHOP)
    with (
        running(shop) as house,
        override_settings(
            YOOKASSA_API_BASE=f"{house.address}/yookassa/v3",
            YOOKASSA_SHOP_ID=SHOP[0],
            YOOKASSA_SECRET_KEY=SHOP[1],
            PAYMENT_PROVIDERS={"yookassa": True},
        ),
    ):
        yield YooKassaTill(house, shop)


@dataclass
class StripeTill:
    """
    :param house: where it runs: faults are scripted and calls are looked up there
    :param stripe: the made-up Stripe itself
    """

    house: House
    stripe: Stripe
    _delivered: int = field(default=0)

    def begun(self, invoice: Invoice | None = None) -> Checkout:
        """A checkout of an invoice, a new one by default."""
        wanted = invoice or InvoiceFactory.create()
        return checkouts.start(invoice_id=wanted.pk, provider="stripe", by=TESTER)

    def do(self, deed: str, **said: Any) -> dict[str, Any]:
        """What somebody does at the till, in the dashboard or at their bank."""
        return self.stripe.account.do({"deed": deed, **said})

    def told(self) -> list[tuple[bytes, str]]:
        """The events since the last time, with their signatures."""
        new = self.stripe.account.told[self._delivered :]
        self._delivered = len(self.stripe.account.told)
        return new

    def deliver(self, *, repeat: int = 1, reverse: bool = False) -> list[int]:
        """
        Bring what Stripe has told since the last time, and let the jobs look into it.

        :returns: how each was answered
        """
        new = self.told()
        answers = [send(*event) for event in (reversed(new) if reverse else new) for _time in range(repeat)]
        drain.run_due()
        return answers

    def paid(self, invoice: Invoice | None = None, **changes: Any) -> Payment:
        """An invoice that was paid, as far as the house has heard."""
        checkout = self.begun(invoice)
        made = self.do("pay", session=checkout.provider_payment_id, changes=changes)
        self.deliver()
        return Payment.objects.get(provider_payment_id=made["id"])


@contextmanager
def stripe() -> Iterator[StripeTill]:
    """An account at a made-up Stripe for the length of the block."""
    made = Stripe(key=ACCOUNT, webhook_secrets=[WEBHOOK_SECRET])
    with (
        running(made) as house,
        override_settings(
            STRIPE_API_BASE=f"{house.address}/stripe",
            STRIPE_SECRET_KEY=ACCOUNT,
            STRIPE_WEBHOOK_SECRETS=[WEBHOOK_SECRET],
            PAYMENT_PROVIDERS={"stripe": True},
        ),
    ):
        yield StripeTill(house, made)


def send(body: bytes, signature: str) -> int:
    """Knock as Stripe does; the answer's status."""
    return notify(body, path="/webhooks/stripe", **{"Stripe-Signature": signature})


def notify(body: Mapping[str, Any] | bytes, *, path: str = "/webhooks/yookassa", **headers: str) -> int:
    """Knock as a provider does; the answer's status."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().post(path, raw, content_type="application/json", headers=headers).status_code
