"""``rebuild_payments``: is each payment what was told of it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing import errors
from billing.models import Payment, PaymentEvent
from billing.operations import payment_events, rebuilding
from billing.queries.reconciliation import list_divergences
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory
from billing.tests.facts import tell, told_of
from billing.tests.snapshots import Unmoved
from core.ids import uuid7
from core.tests.guards import execute, switch_off

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rebuild_payments", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_finds_nothing_where_nothing_differs() -> None:
    of = told_of(InvoiceFactory.create())
    tell(of.succeeded(), of.refunded())
    PaymentFactory.create()
    assert "2" in run("--check")


def test_names_a_payment_that_is_not_what_was_told_and_changes_nothing() -> None:
    payment = PaymentFactory.create()
    Payment.objects.filter(pk=payment.pk).update(status=Payment.Status.REFUNDED)
    with pytest.raises(CommandError) as refusal:
        run("--check")
    assert refusal.value.returncode == 1
    payment.refresh_from_db()
    assert payment.status == Payment.Status.REFUNDED
    assert [str(each) for each in list_divergences() if each.invariant == "I11"]


def test_brings_it_to_what_was_told() -> None:
    payment = PaymentFactory.create()
    Payment.objects.filter(pk=payment.pk).update(status=Payment.Status.REFUNDED)
    assert str(payment.pk) in run()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.SUCCEEDED
    run("--check")
    assert list_divergences() == []


def test_does_what_an_event_asks_for_and_was_not_done() -> None:
    """As after an event that was stored by somebody who then died."""
    of = told_of(InvoiceFactory.create())
    tell(of.succeeded())
    fact = of.refunded()
    PaymentEvent.objects.create(
        provider=fact.provider,
        provider_event_id=fact.event_id,
        direction=fact.direction,
        kind=fact.kind,
        provider_payment_id=fact.payment_id,
        reference=fact.reference,
        amount=of.invoice.amount,
        currency="RUB",
        source="webhook",
        occurred_at=fact.occurred_at,
    )
    run()
    payment = Payment.objects.get()
    assert (payment.status, payment.refunded_amount, payment.taken_tokens) == ("refunded", 14_900, 50)
    assert list_divergences() == []


def test_gives_payments_of_the_release_before_their_event(as_the_owner: Any) -> None:
    payment = PaymentFactory.create()
    switch_off("billing_paymentevent", "billing_paymentevent_is_append_only")
    switch_off("billing_payment", "billing_payment_that_arrived_stays_what_it_was")
    execute("DELETE FROM billing_paymentevent")
    execute("UPDATE billing_payment SET arrived_at = NULL")
    with pytest.raises(CommandError):
        run("--check")
    run()
    run("--check")
    event = PaymentEvent.objects.get()
    assert (event.source, event.amount) == (PaymentEvent.Source.CARRIED_OVER, payment.amount)
    assert list_divergences() == []


def test_what_nobody_has_is_neither_rebuilt_nor_replayed(unmoved: Unmoved) -> None:
    with unmoved(errors.PaymentNotFound):
        rebuilding.rebuild_one(payment_id=uuid7(), by=TESTER)
    with unmoved(errors.PaymentEventNotFound):
        payment_events.replay(event_id=uuid7(), reason="It came late", by=TESTER)
