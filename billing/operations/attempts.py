"""
The end of an attempt to have an invoice paid: once nothing can come of it any more, the next one has its place.

``billing_checkout_is_open_once_per_invoice_and_provider`` lets one be open, ``billing_checkout_is_closed_once`` leaves
a closed one closed. Money that comes to a closed one after all is credited like any other.
"""

from __future__ import annotations

from uuid import UUID

from billing import locks
from billing.models import Checkout, PaymentEvent
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation


@operation
def give_up(*, checkout_id: UUID, by: Actor) -> None:
    """Close an attempt that its provider has refused. One that was answered meanwhile is left open."""
    checkout = Checkout.objects.get(pk=checkout_id)
    locks.invoice(checkout.invoice_id)
    Checkout.objects.filter(pk=checkout_id, answered_at=None, closed_at=None).update(closed_at=CoreNow())


@operation
def close_cancelled(*, invoice_id: UUID, provider: str, payment_id: str, by: Actor) -> None:
    """
    Close the attempt whose payment was cancelled, or whose page has expired, as far as its provider has said so.

    :param payment_id: the provider's id, as the attempt has it
    """
    locks.invoice(invoice_id)
    cancelled = PaymentEvent.objects.filter(
        provider=provider, provider_payment_id=payment_id, kind=PaymentEvent.Kind.CANCELLED
    )
    if payment_id and cancelled.exists():
        attempts = Checkout.objects.filter(invoice_id=invoice_id, provider=provider, provider_payment_id=payment_id)
        attempts.filter(closed_at=None).update(closed_at=CoreNow())
