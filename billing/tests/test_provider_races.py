"""One payment told by several at one moment: over HTTP, by asking the provider, and by a colleague."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Final

import pytest
from django.db import transaction

from audit.models import AuditLog
from billing.models import Invoice, Payment, PaymentEvent, Transaction
from billing.operations import checkouts, payments, provider_events
from billing.rules.payment_events import Kind
from billing.tests.deeds import booked
from billing.tests.factories import InvoiceFactory, WalletFactory
from billing.tests.invariants import contradictions
from billing.tests.races import lined_up, turn
from billing.tests.tills import StripeTill, YooKassaTill, notify, send, stripe, yookassa
from core import clock
from core.actors import Actor
from core.jobs import drain
from core.tests.racing import race, until_somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

TEN: Final = 10


def somebody(label: str) -> Actor:
    return Actor(kind="system", id=label, label=label)


@pytest.fixture
def shop() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


@pytest.fixture
def account() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


@pytest.mark.parametrize("how_often", [1, 3])
def test_of_a_message_an_inquiry_and_a_colleague_one_is_credited_and_named(shop: YooKassaTill, how_often: int) -> None:
    """C06."""
    invoice: Invoice = InvoiceFactory.create(wallet=WalletFactory.create())
    checkout = shop.begun(invoice)
    shop.do("pay", payment=checkout.provider_payment_id)
    for body in shop.shop.told:
        assert notify(body) == 200
    notice = PaymentEvent.objects.get(kind=Kind.NOTICE)

    ways: dict[str, Callable[[], object]] = {
        "webhook": lambda: provider_events.apply(event_id=notice.pk, by=somebody("webhook")),
        "poll": lambda: checkouts.poll(checkout_id=checkout.pk, by=somebody("poll")),
        "olga": lambda: payments.record_success(
            invoice_id=invoice.pk,
            provider="yookassa",
            provider_payment_id=checkout.provider_payment_id,
            amount=invoice.amount_money,
            key="by-hand",
            by=somebody("olga"),
        ),
    }
    ran = lined_up(invoice.wallet, *[*ways.values()] * how_often)

    assert ran.refusals == []
    assert booked(invoice.wallet) == (50, 0, 1)
    payment = Payment.objects.get()
    assert (payment.outcome, payment.status) == ("credited", "succeeded")
    # What was told late changes nothing: neither does the job that is still to come.
    drain.run_due()
    assert booked(invoice.wallet) == (50, 0, 1)
    won = AuditLog.objects.get(action="billing.payment.recorded")
    assert (won.entity_id, won.actor["label"] in ways) == (str(payment.pk), True)
    assert contradictions() == []


class TestAMessageTenTimesAtOnce:
    """W01: whoever stores it first makes the others wait, and then they find it."""

    def test_of_yookassa_has_one_effect(self, shop: YooKassaTill) -> None:
        invoice = InvoiceFactory.create(wallet=WalletFactory.create())
        shop.do("pay", payment=shop.begun(invoice).provider_payment_id)
        (body,) = shop.shop.told
        raw = json.dumps(body).encode()
        assert at_once(partial(notify, raw), "yookassa", sha256(raw).hexdigest()) == [200] * TEN
        self._has_one_effect(invoice)

    def test_of_stripe_has_one_effect(self, account: StripeTill) -> None:
        invoice = InvoiceFactory.create(wallet=WalletFactory.create())
        account.do("pay", session=account.begun(invoice).provider_payment_id)
        for event in account.told():
            assert at_once(partial(send, *event), "stripe", json.loads(event[0])["id"]) == [200] * TEN
        self._has_one_effect(invoice)

    def _has_one_effect(self, invoice: Invoice) -> None:
        drain.run_due()
        assert booked(invoice.wallet) == (50, 0, 1)
        assert Payment.objects.get().outcome == "credited"
        assert Transaction.objects.count() == 1
        told = PaymentEvent.objects.values_list("provider_event_id", flat=True)
        assert len(told) == len(set(told))


def at_once(knock: Callable[[], int], provider: str, event_id: str) -> list[int]:
    """Knock ten times, all waiting until somebody who stores the same message has given it up."""
    with turn(TEN), ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            PaymentEvent.objects.create(
                provider=provider,
                provider_event_id=f"notice:{event_id}",
                direction="in",
                kind=Kind.NOTICE,
                source="webhook",
                occurred_at=clock.now(),
            )
            running = pool.submit(race, *[knock] * TEN)
            until_somebody_waits(TEN)
            transaction.set_rollback(True)
        return running.result(60)
