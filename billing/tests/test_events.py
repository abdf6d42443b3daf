"""What billing announces of money that goes back: after commit, once, by ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.dispatch import Signal

from billing import events
from billing.models import Payment
from billing.tests.factories import InvoiceFactory
from billing.tests.facts import tell, told_of

# Only what is committed is announced.
pytestmark = pytest.mark.django_db(transaction=True)

Heard = list[dict[str, Any]]


@contextmanager
def heard(signal: Signal) -> Iterator[Heard]:
    """All that is announced within the block."""
    told: Heard = []

    def listener(**said: Any) -> None:
        told.append({name: value for name, value in said.items() if name.endswith("_id")})

    signal.connect(listener)
    try:
        yield told
    finally:
        signal.disconnect(listener)


def test_a_refund_and_that_its_money_came_back_are_announced_once() -> None:
    of = told_of(InvoiceFactory.create())
    with heard(events.payment_refunded) as refunded, heard(events.payment_refund_failed) as failed:
        tell(of.created(), of.succeeded())
        assert refunded == []
        tell(of.refunded(), of.refunded())
        payment = Payment.objects.get()
        ids = {"payment_id": payment.pk, "refund_id": payment.refunds.get().pk}
        assert (refunded, failed) == ([ids], [])
        tell(of.came_back(), of.came_back())
        assert (refunded, failed) == ([ids], [ids])


def test_a_dispute_is_announced_with_each_turn() -> None:
    of = told_of(InvoiceFactory.create())
    with heard(events.payment_disputed) as disputed:
        tell(of.succeeded(), of.opened(), of.opened(), of.won())
        payment = Payment.objects.get()
        assert disputed == [{"payment_id": payment.pk, "dispute_id": payment.disputes.get().pk}] * 2
