"""
Hearing what is said of a payment, and bringing the house to what all of it amounts to.

``billing_paymentevent_is_stored_once`` makes a fact one, however often it is told. The invoice's wallet is locked
first, then the payment: whatever arrives together is judged one after another, and each time by everything that is
known, so that no order and no repetition changes what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audit.operations import alerts, records
from billing import errors, locks
from billing.models import Invoice, Payment, PaymentEvent, Refund, Transaction, Wallet
from billing.operations import money_back, periods, referrals, settlements, taking_back
from billing.rules import keys
from billing.rules.payment_events import OUTWARD, Direction, Fact, Folded, Kind, fold
from core import clock
from core.actors import Actor
from core.database import operation
from core.jobs import enqueue

# What the invoice shows of its payment.
_INVOICE_STATUSES = {
    Payment.Status.REFUNDED: Invoice.Status.REFUNDED,
    Payment.Status.CHARGED_BACK: Invoice.Status.REFUNDED,
    Payment.Status.PARTIALLY_REFUNDED: Invoice.Status.PARTIALLY_REFUNDED,
}
# The money is with the payer again.
_GONE: Final = (Payment.Status.REFUNDED, Payment.Status.CHARGED_BACK)


@dataclass(frozen=True, slots=True)
class Heard:
    """
    :param event: as stored
    :param payment: as it is now; None while nobody knows what the event is about
    :param replayed: whether it had been told before
    """

    event: PaymentEvent
    payment: Payment | None
    replayed: bool


@operation
def receive(*, fact: Fact, by: Actor) -> PaymentEvent:
    """
    Keep a provider's message as it came, and have a job look into it: what it says is not believed. The same message
    again is the first one, and nobody looks twice.

    :param fact: a notice
    """
    event, _is_new = _store(fact, None)
    enqueue("billing.apply_payment_event", key=str(event.pk), event_id=event.pk)
    return event


@operation
def record(*, fact: Fact, by: Actor) -> Heard:
    """
    Record a fact and do what follows from it: settle the invoice when the money is there, take back what a refund or a
    dispute claims, give back what a won dispute returns. A fact about nothing that we know is kept, and an operator
    told.
    """
    return hear(fact, key=None, by=by)


def hear(fact: Fact, *, key: str | None, by: Actor) -> Heard:
    """
    A part of :func:`record` and of recording a payment by hand; its caller is an operation.

    :param key: the idempotency key of a payment that is new; its own by default
    """
    if is_play_money(fact):
        return _put_aside(fact)
    known, found = _subject(fact)
    if found is None:
        return _keep_unknown(fact)
    # Not the payer's alone: money that goes back may take a referrer's reward with it.
    wallets = locks.wallets_of_invoice(found) if known is None else locks.wallets_of_payment(known)
    wallet, invoice = locks.invoice_of(wallets, found)
    event, is_new = _store(fact, invoice)
    if not is_new:
        _compare(fact, event)
    payment = locks.payment(fact.provider, fact.payment_id)
    if payment is not None and payment.invoice_id != invoice.pk:
        # It became known for another one in this moment, whose wallet would have to be locked first.
        raise errors.PaymentOfAnotherInvoice()
    told = list(_told(fact.provider, fact.payment_id))
    folded = fold(told)
    if payment is None and folded.amount is not None:
        payment = Payment.objects.create(
            provider=fact.provider,
            provider_payment_id=fact.payment_id,
            invoice=invoice,
            amount=folded.amount.amount,
            currency=folded.amount.currency,
            status=Payment.Status.PENDING,
            outcome=Payment.Outcome.AWAITED,
            idempotency_key=key or keys.own("event", event.pk),
        )
    if payment is not None:
        payment.invoice = invoice
        _bring_up(wallet, payment, told, folded, by=by)
    return Heard(event, payment, replayed=not is_new)


def is_play_money(fact: Fact) -> bool:
    """Whether a fact tells of a test payment where those do not count."""
    return fact.is_test and not settings.PAYMENTS_ACCEPT_TEST


def bring_up(wallet: Wallet, payment: Payment, *, by: Actor) -> Payment:
    """
    Do everything that follows from a payment's events and has not been done yet. Wallet, invoice and payment are
    locked.
    """
    told = list(_told(payment.provider, payment.provider_payment_id))
    return _bring_up(wallet, payment, told, fold(told), by=by)


def _bring_up(wallet: Wallet, payment: Payment, told: Sequence[PaymentEvent], folded: Folded, *, by: Actor) -> Payment:
    invoice = payment.invoice
    if folded.has_arrived and payment.outcome == Payment.Outcome.AWAITED:
        _arrive(wallet, invoice, payment, folded, by=by)
    if payment.outcome != Payment.Outcome.AWAITED:
        refunds = money_back.follow_refunds(payment, told, by=by)
        disputes = money_back.follow_disputes(payment, told, by=by)
        type = Transaction.Type.CHARGEBACK if disputes else Transaction.Type.REFUND
        step = taking_back.converge(wallet, payment, type=type, by=by)
        money_back.note_tokens(refunds, step)
    was_gone = payment.status in _GONE
    if payment.status != folded.status:
        payment.status = folded.status
        payment.save(update_fields=["status"])
    if payment.outcome == Payment.Outcome.CREDITED:
        _show_on_invoice(invoice, payment)
        _settle_the_rest(invoice, payment, was_gone=was_gone, by=by)
    return payment


def _settle_the_rest(invoice: Invoice, payment: Payment, *, was_gone: bool, by: Actor) -> None:
    """
    What was bought besides tokens: time, and a reward for whoever brought the payer. It goes with the money, and comes
    again with money that stays after all. A reward that lapsed for another reason does not.
    """
    is_gone = payment.status in _GONE
    if invoice.subscription_days:
        unspent = payment.refunds.filter(policy=Refund.Policy.UNSPENT, state=Refund.State.SUCCEEDED)
        if is_gone or unspent.exists():
            periods.remove(invoice=invoice, by=by)
        else:
            periods.restore(invoice=invoice, by=by)
    if is_gone:
        referrals.reverse(payment=payment, by=by)
    elif was_gone:
        referrals.restore(payment=payment, by=by)


def _told(provider: str, payment_id: str) -> QuerySet[PaymentEvent]:
    return PaymentEvent.objects.filter(provider=provider, provider_payment_id=payment_id).defer("payload")


def carry_over(payment: Payment) -> None:
    """The event of a payment from before events were kept: its money arrived."""
    PaymentEvent.objects.bulk_create(
        [
            PaymentEvent(
                provider=payment.provider,
                provider_event_id=payment.provider_payment_id,
                direction=Direction.IN,
                kind=Kind.SUCCEEDED,
                provider_payment_id=payment.provider_payment_id,
                invoice_id=payment.invoice_id,
                amount=payment.amount,
                currency=payment.currency,
                source=PaymentEvent.Source.CARRIED_OVER,
                occurred_at=payment.created_at,
            )
        ],
        ignore_conflicts=True,
    )
    payment.arrived_at = payment.created_at
    payment.save(update_fields=["arrived_at"])


def _arrive(wallet: Wallet, invoice: Invoice, payment: Payment, folded: Folded, *, by: Actor) -> None:
    if folded.amount is not None:
        payment.amount, payment.currency = folded.amount.amount, folded.amount.currency
    payment.outcome = settlements.outcome(invoice, payment.amount_money)
    payment.arrived_at = clock.now()
    payment.status = Payment.Status.SUCCEEDED
    payment.save(update_fields=["amount", "currency", "outcome", "arrived_at", "status"])
    if payment.outcome == Payment.Outcome.CREDITED:
        settlements.settle(wallet, invoice, payment, by=by)
        wallet.refresh_from_db()
    else:
        settlements.keep_aside(invoice, payment, by=by)


def _show_on_invoice(invoice: Invoice, payment: Payment) -> None:
    status = _INVOICE_STATUSES.get(Payment.Status(payment.status), Invoice.Status.PAID)
    if invoice.status != status:
        invoice.status = status
        invoice.save(update_fields=["status"])


def _subject(fact: Fact) -> tuple[UUID | None, UUID | None]:
    """
    The payment, once known, and its invoice: its own; else the one that this or an earlier fact names. Neither changes
    once it is there.
    """
    known = Payment.objects.filter(provider=fact.provider, provider_payment_id=fact.payment_id)
    if (found := known.values_list("pk", "invoice_id").first()) is not None:
        return found
    if fact.invoice_id is not None and Invoice.objects.filter(pk=fact.invoice_id).exists():
        return None, fact.invoice_id
    earlier = PaymentEvent.objects.filter(
        provider=fact.provider, provider_payment_id=fact.payment_id, invoice__isnull=False
    )
    return None, earlier.values_list("invoice_id", flat=True).first()


def _store(fact: Fact, invoice: Invoice | None) -> tuple[PaymentEvent, bool]:
    """The stored event, and whether it is new."""
    event = PaymentEvent(
        provider=fact.provider,
        provider_event_id=fact.event_id,
        direction=fact.direction,
        kind=fact.kind,
        provider_payment_id=fact.payment_id,
        reference=fact.reference,
        invoice=invoice,
        amount=None if fact.amount is None else fact.amount.amount,
        currency="" if fact.amount is None else fact.amount.currency,
        source=fact.source,
        payload=dict(fact.payload),
        details=dict(fact.details),
        occurred_at=fact.occurred_at,
    )
    PaymentEvent.objects.bulk_create([event], ignore_conflicts=True)
    kept = PaymentEvent.objects.get(provider=fact.provider, provider_event_id=fact.event_id, direction=fact.direction)
    return kept, kept.pk == event.pk


def _compare(fact: Fact, event: PaymentEvent) -> None:
    """A provider that tells one thing in two ways is to be looked at by somebody; the first word stands."""
    if (fact.kind, fact.payment_id, fact.amount) != (event.kind, event.provider_payment_id, event.money):
        alerts.raise_alert(
            f"billing.payment_event_differs:{event.pk}",
            severity="critical",
            title=gettext_noop("A provider tells the same event in two ways"),
            body=f"{fact.provider} {fact.event_id}: {event.money} → {fact.amount}",
            event=str(event.pk),
        )


def _keep_unknown(fact: Fact) -> Heard:
    event, is_new = _store(fact, None)
    if fact.kind == Kind.SUCCEEDED or fact.kind in OUTWARD:
        alerts.raise_alert(
            f"billing.payment_unknown:{fact.provider}:{fact.payment_id}",
            severity="critical",
            title=gettext_noop("A provider tells of a payment that nobody knows"),
            body=f"{fact.provider} {fact.payment_id}: {fact.amount}",
            event=str(event.pk),
        )
    return Heard(event, None, replayed=not is_new)


def _put_aside(fact: Fact) -> Heard:
    """Play money: kept as a notice, which the fold does not count."""
    event, is_new = _store(fact.as_notice(), None)
    alerts.raise_alert(
        f"billing.payment_is_test:{fact.provider}:{fact.payment_id}",
        severity="critical",
        title=gettext_noop("A provider tells of a test payment"),
        body=f"{fact.provider} {fact.payment_id}: {fact.amount}",
        event=str(event.pk),
    )
    return Heard(event, None, replayed=not is_new)


@operation
def replay(*, event_id: UUID, reason: str, by: Actor) -> PaymentEvent:
    """
    Have a stored event judged once more, as if it had just come. What it has done already is not done twice.

    :raises billing.errors.PaymentEventNotFound: there is no such event
    """
    # An event never changes, and its effects are locked where they are judged.
    event = PaymentEvent.objects.filter(pk=event_id).first()
    if event is None:
        raise errors.PaymentEventNotFound(str(event_id))
    records.record("billing.payment_event.replayed", entity=event, by=by, reason=reason)
    enqueue("billing.apply_payment_event", event_id=event.pk)
    return event
