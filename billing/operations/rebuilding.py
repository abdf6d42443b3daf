"""Payments once more from what was said of them: is each what its events amount to, and if not, make it so."""

from __future__ import annotations

from uuid import UUID

from billing import locks
from billing.models import Payment
from billing.operations import payment_events
from billing.queries.payment_folds import Report, compare
from core.actors import Actor
from core.database import operation


def rebuild(*, by: Actor) -> Report:
    """
    Bring every payment that differs to what its events amount to, each in a transaction of its own. Twice it changes
    nothing.

    :returns: those that differed
    """
    report = compare()
    for difference in report.differences:
        rebuild_one(payment_id=difference.payment_id, by=by)
    return report


@operation
def rebuild_one(*, payment_id: UUID, by: Actor) -> Payment:
    """
    Do for one payment what its events ask for. One that the release before events has written gets the event of its
    arrival first.

    :raises billing.errors.PaymentNotFound: there is no such payment
    """
    wallet, payment = locks.paid(payment_id)
    if payment.arrived_at is None and payment.outcome != Payment.Outcome.AWAITED:
        payment_events.carry_over(payment)
    return payment_events.bring_up(wallet, payment, by=by)
