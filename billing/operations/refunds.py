"""
The refund desk: asked for, sent, done. Intent, commit, call, result.

Its tokens are taken when a refund is asked for, so that nobody spends them while it is on its way; they come back if
the provider refuses. The payment's lock lines refunds up, ``billing_refund_is_pending_once_per_payment`` lets one be on
its way, and ``billing_payment_refunds_stay_within_it`` bounds them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audit.operations import records
from billing import errors, locks
from billing.gateways import providers
from billing.gateways.provider import ProviderRefused, Repayment
from billing.models import Payment, PaymentEvent, Refund, Transaction
from billing.operations import asking, money_back, outside, payment_events, taking_back
from billing.queries.refunds import calculate
from billing.rules import keys
from billing.rules.payment_events import Kind
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing, ValidationFailed
from core.jobs import enqueue
from core.money import Money

_A_WHILE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Issued:
    """
    :param refund: on its way, or done where nobody has to be asked
    :param replayed: whether it is an earlier call's, found by its key
    """

    refund: Refund
    replayed: bool


@operation
def issue(
    *,
    payment_id: UUID,
    policy: Refund.Policy,
    reason: str,
    key: str,
    by: Actor,
    amount: Money | None = None,
    agreed: str | None = None,
) -> Issued:
    """
    Send money of a payment back. The same key gives the first refund back.

    :param policy: ``full`` takes the tokens back and makes a debt of the spent ones; ``unspent`` sends back the share
        of what was not used; ``goodwill`` leaves the tokens
    :param amount: less than all that is left; not with ``unspent``
    :param agreed: the ``fingerprint`` of the calculation that somebody has seen and agreed to, where somebody has
    :param reason: why; kept with the refund and in the audit log
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.RefundChanged: it would do something else than was agreed to
    :raises errors.IdempotencyMismatch: the key was used for another refund
    :raises errors.PaymentNotFound: there is no such payment; also what ``queries.refunds.calculate`` raises
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    keys.checked(key)
    wanted = keys.request_hash("refund", policy=policy, amount=amount, reason=reason)
    wallet, payment = locks.paid(payment_id)
    # Look for a replay only after the lock: two calls may arrive together.
    if first := payment.refunds.filter(idempotency_key=key).first():
        if bytes(first.request_hash) != wanted:
            raise errors.IdempotencyMismatch()
        return Issued(first, replayed=True)
    found = calculate(wallet, payment, policy=policy, amount=amount)
    if agreed not in (None, found.fingerprint):
        raise errors.RefundChanged()
    refund = money_back.add(
        payment,
        origin=Refund.Origin.DESK,
        policy=policy,
        amount=found.amount.amount,
        claimed_tokens=found.claimed_tokens,
        reason=reason,
        key=key,
        by=by,
        request_hash=wanted,
    )
    step = taking_back.converge(wallet, payment, type=Transaction.Type.REFUND, by=by)
    money_back.note_tokens([refund], step)
    records.record(
        "billing.refund.issued",
        entity=refund,
        by=by,
        reason=reason,
        payment=str(payment.pk),
        amount=str(refund.amount_money),
        policy=policy,
    )
    provider = providers.get(payment.provider)
    if provider.is_local:
        for fact in provider.refund(_repayment(refund)):
            payment_events.record(fact=fact, by=by)
    else:
        enqueue("billing.send_refund", key=str(refund.pk), refund_id=refund.pk)
    refund.refresh_from_db()
    return Issued(refund, replayed=False)


@operation
def record_outside(*, payment_id: UUID, amount: Money, reference: str, reason: str, by: Actor) -> Issued:
    """
    Record money of a payment that went back past the house: in the provider's own office, by a transfer. It does what
    hearing of it from the provider does: the tokens are taken back, and what was spent of them becomes a debt. The same
    reference again is the first refund.

    :param amount: what went back, in the payment's currency
    :param reference: the provider's id of the refund, or whatever else names it, 1 to 200 characters
    :param reason: why; kept in the audit log
    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.ValidationFailed: the reference is empty or too long, or had another amount before
    :raises errors.PaymentNotFound: there is no such payment
    :raises errors.PaymentNotCaptured: its money is not here: it has not come, or a lost dispute has taken it
    :raises errors.RefundPending: one is on its way; the provider tells how that ends
    :raises errors.RefundExceedsPayment: less is left than is said to have gone back
    """
    reason, reference = outside.checked(reason, reference)
    _wallet, payment = locks.paid(payment_id)
    # Look for a replay only after the lock: two calls may arrive together.
    if first := payment.refunds.filter(provider_refund_id=reference).first():
        if first.amount_money != amount:
            said = _("A refund of this payment has this reference, with another amount.")
            raise ValidationFailed(fields={"reference": [said]})
        return Issued(first, replayed=True)
    if payment.arrived_at is None or payment.status == Payment.Status.CHARGED_BACK:
        raise errors.PaymentNotCaptured(payment_status=payment.status)
    if payment.refunds.filter(state=Refund.State.PENDING).exists():
        raise errors.RefundPending()
    remaining = payment.amount - payment.refunded_amount
    if amount.currency != payment.currency or not 0 < amount.amount <= remaining:
        raise errors.RefundExceedsPayment(
            fields={"amount": [errors.RefundExceedsPayment.title]},
            remaining={"amount": remaining, "currency": payment.currency},
        )
    fact = outside.fact(payment, Kind.REFUNDED, reference, amount=amount)
    payment_events.record(fact=fact, by=by)
    refund = payment.refunds.get(provider_refund_id=reference)
    records.record(
        "billing.refund.recorded", entity=refund, by=by, reason=reason, payment=str(payment.pk), amount=str(amount)
    )
    return Issued(refund, replayed=False)


def send(*, refund_id: UUID, by: Actor) -> Refund:
    """
    Ask the provider for a refund that is on its way, and record its answer. Twice, or at once, it is asked with the
    same key, which makes it one.

    :raises errors.RefundNotFound: there is no such refund
    :raises billing.gateways.provider.ProviderUnavailable: nobody knows what happened; call again
    """
    refund = _begin(refund_id=refund_id, by=by)
    if refund.state != Refund.State.PENDING:
        return refund
    try:
        facts = providers.get(refund.payment.provider).refund(_repayment(refund))
    except ProviderRefused as refusal:
        return fail(refund_id=refund_id, failure=str(refusal), by=by)
    for fact in facts:
        payment_events.record(fact=fact, by=by)
    refund.refresh_from_db()
    return refund


@operation
def send_again(*, refund_id: UUID, reason: str, by: Actor) -> Refund:
    """
    Have a refund that is on its way sent once more. The provider is asked with the same key, so that what it has done
    it does not do again. One that is closed is left alone.

    :param reason: why; kept in the audit log
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.RefundNotFound: there is no such refund
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    _wallet, payment, refund = locks.refund(refund_id)
    if refund.state == Refund.State.PENDING:
        records.record("billing.refund.sent_again", entity=refund, by=by, reason=reason, payment=str(payment.pk))
        enqueue("billing.send_refund", refund_id=refund.pk)
    return refund


def list_waiting(provider: str, *, limit: int = 200) -> list[UUID]:
    """Refunds that were sent a while ago and are not closed: their provider has taken them on, or lost them."""
    waiting = Refund.objects.filter(
        payment__provider=provider, state=Refund.State.PENDING, sent_at__lt=CoreNow() - _A_WHILE
    )
    return list(waiting.order_by("sent_at").values_list("pk", flat=True)[:limit])


def sweep(*, by: Actor) -> int:
    """
    Ask after every refund that waits: not every provider tells that it will not do after all what it has taken on.
    What cannot be asked after stands in nobody's way, and a provider that does not answer is asked the next time.

    :returns: how many were asked after
    """
    return sum(
        asking.ask_each(
            list_waiting(provider),
            lambda each: send(refund_id=each, by=by),
            stuck="billing.refund_stuck",
            title=gettext_noop("A refund cannot be asked after"),
        )
        for provider in providers.list_codes()
    )


@operation
def _begin(*, refund_id: UUID, by: Actor) -> Refund:
    _wallet, _payment, refund = locks.refund(refund_id)
    if refund.state == Refund.State.PENDING:
        Refund.objects.filter(pk=refund.pk).update(sent_at=CoreNow())
    return refund


def _repayment(refund: Refund) -> Repayment:
    payment = refund.payment
    success = PaymentEvent.objects.filter(
        provider=payment.provider, provider_payment_id=payment.provider_payment_id, kind=PaymentEvent.Kind.SUCCEEDED
    ).first()
    return Repayment(
        payment_id=payment.provider_payment_id,
        amount=refund.amount_money,
        reason=refund.reason,
        key=str(refund.pk),
        details=success.details if success else {},
    )


@operation
def fail(*, refund_id: UUID, failure: str, by: Actor) -> Refund:
    """
    The provider will not: give back what was taken for it. One that is closed already is left alone.

    :raises errors.RefundNotFound: there is no such refund
    """
    wallet, payment, refund = locks.refund(refund_id)
    if refund.state != Refund.State.PENDING:
        return refund
    title = gettext_noop("A provider refuses a refund")
    money_back.close_failed(payment, refund, failure=failure, title=title, by=by)
    taking_back.converge(wallet, payment, type=Transaction.Type.REFUND, by=by)
    refund.refresh_from_db()
    return refund
