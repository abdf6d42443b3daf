"""
Disputes that staff hear of past the house: of a provider that tells nothing, or before it tells.

The payment's lock lines them up, ``billing_dispute_is_one_per_provider_id`` makes each one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from audit.operations import records
from billing import errors, locks
from billing.models import Dispute
from billing.operations import outside, payment_events
from billing.rules.payment_events import Kind
from core.actors import Actor
from core.database import operation
from core.errors import ValidationFailed

_KINDS: Final[Mapping[Dispute.State, Kind]] = {
    Dispute.State.OPEN: Kind.DISPUTE_OPENED,
    Dispute.State.WON: Kind.DISPUTE_WON,
    Dispute.State.LOST: Kind.DISPUTE_LOST,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    :param dispute: as it is now
    :param replayed: whether it was so before
    """

    dispute: Dispute
    replayed: bool


@operation
def record(*, payment_id: UUID, state: Dispute.State, reference: str, reason: str, by: Actor) -> Recorded:
    """
    Record what became of a dispute, as a bank or a provider has told it. It does what hearing of it from the provider
    does: what is left of the purchase is out of reach while it is open, gone when it is lost and back when it is won.
    The same again changes nothing; of two verdicts the later one stands.

    :param state: ``open``; ``lost``, also where nobody heard of its beginning; ``won``
    :param reference: the provider's id of the dispute, or of the letter about it, 1 to 200 characters
    :param reason: why; kept in the audit log
    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.ValidationFailed: the reference is empty or too long, nothing was opened under it that could be
        won, or what is to be opened has its verdict
    :raises errors.PaymentNotFound: there is no such payment
    :raises errors.PaymentNotCaptured: its money has never come
    """
    reason, reference = outside.checked(reason, reference)
    _wallet, payment = locks.paid(payment_id)
    if payment.arrived_at is None:
        raise errors.PaymentNotCaptured(payment_status=payment.status)
    # Look for a replay only after the lock: two calls may arrive together.
    known = payment.disputes.filter(provider_dispute_id=reference).first()
    if known is not None and known.state == state:
        return Recorded(known, replayed=True)
    if known is None and state == Dispute.State.WON:
        raise ValidationFailed(fields={"reference": [_("No dispute of this payment has this reference.")]})
    if known is not None and state == Dispute.State.OPEN:
        raise ValidationFailed(fields={"state": [_("This dispute has its verdict; record another verdict.")]})
    payment_events.record(fact=outside.fact(payment, _KINDS[state], reference), by=by)
    dispute = payment.disputes.get(provider_dispute_id=reference)
    records.record("billing.dispute.recorded", entity=dispute, by=by, reason=reason, payment=str(payment.pk))
    return Recorded(dispute, replayed=False)
