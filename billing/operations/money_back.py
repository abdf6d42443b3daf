"""
Refunds and disputes as events tell of them: a row for each, with what it claims of the purchase.

Called with the wallet and the payment locked. ``billing_refund_is_one_per_provider_id`` and
``billing_dispute_is_one_per_provider_id`` make each one, however often it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import F
from django.utils.translation import gettext_noop

from audit.operations import alerts, records
from billing import events
from billing.models import Dispute, Payment, PaymentEvent, Refund
from billing.operations import announcements
from billing.queries.purchases import claim_of_full
from billing.rules import keys
from billing.rules.payment_events import Kind, failures, verdicts
from billing.rules.taking_back import Step
from core.actors import Actor
from core.clock import CoreNow


def follow_refunds(payment: Payment, told: Sequence[PaymentEvent], *, by: Actor) -> list[Refund]:
    """
    Close what was on its way, make a row for each refund that was made elsewhere, and undo those that failed after all.

    :returns: those that are new
    """
    failed = failures(told)
    # What came back may go out again: first those, so that the next one finds its money.
    for refund in payment.refunds.filter(provider_refund_id__in=failed, state=Refund.State.SUCCEEDED):
        _come_back(payment, refund, told, by=by)
    known = set(payment.refunds.exclude(provider_refund_id=None).values_list("provider_refund_id", flat=True))
    new: list[Refund] = []
    for event in _one_per_reference(told, Kind.REFUNDED):
        if event.reference in known:
            continue
        # The desk asked for one, and only one can be on its way: of this amount, it is that one.
        asked = payment.refunds.filter(state=Refund.State.PENDING, amount=event.amount or 0).first()
        if asked is not None and event.reference in failed:
            # Perhaps it is an earlier one: this one is still to be made, and whoever sends it hears how it ends.
            continue
        if asked is None:
            made = _from_outside(payment, event, by=by)
            if made is None:
                continue
            new.append(made)
            asked = made
        else:
            asked.state = Refund.State.SUCCEEDED
            asked.provider_refund_id = event.reference
            asked.closed_at = CoreNow()
            asked.save(update_fields=["state", "provider_refund_id", "closed_at"])
        records.record(
            "billing.refund.succeeded",
            entity=asked,
            by=by,
            payment=str(payment.pk),
            amount=str(asked.amount_money),
            policy=asked.policy,
        )
        _announce("payment.refunded", payment, asked)
        events.announce_payment_refunded(payment.pk, asked.pk)
        if event.reference in failed:
            _come_back(payment, asked, told, by=by)
    return new


def _come_back(payment: Payment, refund: Refund, told: Sequence[PaymentEvent], *, by: Actor) -> None:
    """The payer's bank did not take the money of a refund that was made: it is here again."""
    named = Kind.REFUND_FAILED, refund.provider_refund_id
    event = next(each for each in told if (each.kind, each.reference) == named)
    close_failed(
        payment,
        refund,
        failure=str(event.details.get("failure", "")),
        title=gettext_noop("The money of a refund came back"),
        by=by,
    )
    _announce("payment.refund_failed", payment, refund)
    events.announce_payment_refund_failed(payment.pk, refund.pk)


def _announce(type: str, payment: Payment, refund: Refund) -> None:
    announcements.announce(
        type,
        wallet_id=payment.invoice.wallet_id,
        payment=payment.pk,
        invoice=payment.invoice_id,
        refund=refund.pk,
        amount=refund.amount,
        currency=refund.currency,
    )


def close_failed(payment: Payment, refund: Refund, *, failure: str, title: str, by: Actor) -> None:
    """
    A refund of a locked payment is none: its money may go back once more. What it claimed of the purchase is free
    again, and ``taking_back.converge`` gives it back.

    :param failure: why, in the provider's words
    :param title: of the alert
    """
    refund.state = Refund.State.FAILED
    refund.failure = failure[:2_000] or "refused"
    refund.closed_at = CoreNow()
    refund.save(update_fields=["state", "failure", "closed_at"])
    Payment.objects.filter(pk=payment.pk).update(refunded_amount=F("refunded_amount") - refund.amount)
    payment.refunded_amount -= refund.amount
    records.record("billing.refund.failed", entity=refund, by=by, payment=str(payment.pk), failure=refund.failure)
    alerts.raise_alert(
        f"billing.refund_failed:{refund.pk}",
        severity="critical",
        title=title,
        body=f"{payment.provider} {payment.provider_payment_id}: {refund.amount_money}, {refund.failure}",
        payment=str(payment.pk),
        refund=str(refund.pk),
    )


def _from_outside(payment: Payment, event: PaymentEvent, *, by: Actor) -> Refund | None:
    amount = min(event.amount or 0, payment.amount - payment.refunded_amount)
    if amount < (event.amount or 0):
        alerts.raise_alert(
            f"billing.refund_exceeds_payment:{event.pk}",
            severity="critical",
            title=gettext_noop("More was refunded than was paid"),
            body=f"{event.provider} {event.provider_payment_id}: {event.money}",
            payment=str(payment.pk),
            event=str(event.pk),
        )
    if not amount:
        return None
    return add(
        payment,
        origin=Refund.Origin.PROVIDER,
        policy=Refund.Policy.FULL,
        amount=amount,
        claimed_tokens=claim_of_full(payment, amount),
        reason="",
        key=keys.own("refund", event.pk),
        by=by,
        provider_refund_id=event.reference,
    )


def add(
    payment: Payment,
    *,
    origin: Refund.Origin,
    policy: Refund.Policy,
    amount: int,
    claimed_tokens: int,
    reason: str,
    key: str,
    by: Actor,
    provider_refund_id: str | None = None,
    request_hash: bytes | None = None,
) -> Refund:
    """
    A new refund of a locked payment, and its money out of what may still go back:
    ``billing_payment_refunds_stay_within_it``.

    :param amount: minor units
    :param provider_refund_id: of one that has happened; None for one that is to be sent
    """
    refund = Refund.objects.create(
        payment=payment,
        origin=origin,
        policy=policy,
        amount=amount,
        currency=payment.currency,
        claimed_tokens=claimed_tokens,
        state=Refund.State.SUCCEEDED if provider_refund_id else Refund.State.PENDING,
        reason=reason,
        provider_refund_id=provider_refund_id,
        idempotency_key=key,
        request_hash=request_hash if request_hash is not None else keys.request_hash(key),
        actor={"kind": by.kind, "id": by.id, "label": by.label},
        closed_at=CoreNow() if provider_refund_id else None,
    )
    Payment.objects.filter(pk=payment.pk).update(refunded_amount=F("refunded_amount") + amount)
    payment.refunded_amount += amount
    return refund


def note_tokens(refunds: Sequence[Refund], step: Step) -> None:
    """Say on the refunds what was taken and what became a debt, the first ones first."""
    take, owe = step.take, step.owe
    for refund in refunds:
        refund.tokens_reversed = min(take, refund.claimed_tokens)
        refund.shortfall_tokens = min(owe, refund.claimed_tokens - refund.tokens_reversed)
        take -= refund.tokens_reversed
        owe -= refund.shortfall_tokens
        if refund.tokens_reversed or refund.shortfall_tokens:
            refund.save(update_fields=["tokens_reversed", "shortfall_tokens"])


def follow_disputes(payment: Payment, told: Sequence[PaymentEvent], *, by: Actor) -> bool:
    """
    Bring the disputes to what was told of them.

    :returns: whether any is new or was judged anew
    """
    judged = verdicts(told)
    states = {each.reference: Dispute.State.OPEN for each in told if each.kind == Kind.DISPUTE_OPENED}
    states |= {
        reference: Dispute.State.LOST if kind == Kind.DISPUTE_LOST else Dispute.State.WON
        for reference, kind in judged.items()
    }
    known = {each.provider_dispute_id: each for each in payment.disputes.all()}
    moved = False
    for reference, state in sorted(states.items()):
        dispute = known.get(reference)
        if dispute is not None and dispute.state == state:
            continue
        moved = True
        closed_at = None if state == Dispute.State.OPEN else CoreNow()
        if dispute is None:
            dispute = Dispute.objects.create(
                payment=payment, provider_dispute_id=reference, state=state, closed_at=closed_at
            )
        else:
            dispute.state, dispute.closed_at = state, closed_at
            dispute.save(update_fields=["state", "closed_at"])
        _tell(payment, dispute, state, by=by)
    return moved


def _tell(payment: Payment, dispute: Dispute, state: Dispute.State, *, by: Actor) -> None:
    records.record(f"billing.dispute.{state}", entity=dispute, by=by, payment=str(payment.pk))
    titles = {
        Dispute.State.OPEN: gettext_noop("A payer contests a payment"),
        Dispute.State.LOST: gettext_noop("A contested payment is lost"),
        Dispute.State.WON: gettext_noop("A contested payment is won"),
    }
    alerts.raise_alert(
        f"billing.dispute_{state}:{dispute.pk}",
        severity="info" if state == Dispute.State.WON else "critical",
        title=titles[state],
        body=f"{payment.provider} {payment.provider_payment_id}: {payment.amount_money}",
        payment=str(payment.pk),
        dispute=str(dispute.pk),
    )
    announcements.announce(
        "payment.disputed",
        wallet_id=payment.invoice.wallet_id,
        payment=payment.pk,
        invoice=payment.invoice_id,
        dispute=dispute.pk,
        state=str(state),
    )
    events.announce_payment_disputed(payment.pk, dispute.pk)


def _one_per_reference(told: Sequence[PaymentEvent], kind: Kind) -> Iterable[PaymentEvent]:
    found = {event.reference: event for event in told if event.kind == kind}
    return sorted(found.values(), key=lambda event: (event.occurred_at, event.reference))
