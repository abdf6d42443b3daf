"""Facts about payments of which no provider tells the house: staff have them from a letter or a cabinet."""

from __future__ import annotations

from typing import Final

from billing.models import Payment, PaymentEvent
from billing.rules.payment_events import Fact, Kind
from core import clock
from core.errors import ReasonMissing, ValidationFailed
from core.money import Money

# With the payment's id and the kind before it, it is an event's id.
_LONGEST_REFERENCE: Final = 200


def checked(reason: str, reference: str) -> tuple[str, str]:
    """
    The reason and the reference without the space around them.

    :raises ReasonMissing: no reason was given
    :raises ValidationFailed: the reference is empty or too long
    """
    reason, reference = reason.strip(), reference.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    if not 1 <= len(reference) <= _LONGEST_REFERENCE:
        raise ValidationFailed(fields={"reference": [f"1 … {_LONGEST_REFERENCE}"]})
    return reason, reference


def fact(payment: Payment, kind: Kind, reference: str, *, amount: Money | None = None) -> Fact:
    """
    What staff say of a locked payment, as a fact. Its id is of this payment alone, since letters are numbered by
    whoever writes them; and of this time alone, since a bank may judge twice in one way with another verdict between.
    """
    told = PaymentEvent.objects.filter(
        provider=payment.provider, provider_payment_id=payment.provider_payment_id, kind=kind, reference=reference
    )
    return Fact(
        provider=payment.provider,
        event_id=f"{payment.pk}:{kind}:{told.count()}:{reference}",
        kind=kind,
        payment_id=payment.provider_payment_id,
        occurred_at=clock.now(),
        source=PaymentEvent.Source.CALLER,
        amount=amount,
        reference=reference,
    )
