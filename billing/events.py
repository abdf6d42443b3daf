"""What billing announces, after commit and carrying ids only. Products listen in their ``receivers.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

from billing.operations import announcements

if TYPE_CHECKING:
    from billing.models import Subscription

# kwargs: invoice_id: UUID
invoice_paid = Signal()

# kwargs: payment_id: UUID, refund_id: UUID
payment_refunded = Signal()
# kwargs: payment_id: UUID, refund_id: UUID
payment_refund_failed = Signal()
# kwargs: payment_id: UUID, dispute_id: UUID
payment_disputed = Signal()
# kwargs: type: str (``subscription.started``), subscription_id, wallet_id: UUID, and what else the type has, ids only
subscription_changed = Signal()


def announce_invoice_paid(invoice_id: UUID) -> None:
    """Tell listeners, once the transaction has committed, that an invoice was paid."""
    transaction.on_commit(lambda: invoice_paid.send(sender="billing", invoice_id=invoice_id))


def announce_payment_refunded(payment_id: UUID, refund_id: UUID) -> None:
    """Tell listeners, once the transaction has committed, that money went back."""
    transaction.on_commit(lambda: payment_refunded.send(sender="billing", payment_id=payment_id, refund_id=refund_id))


def announce_payment_refund_failed(payment_id: UUID, refund_id: UUID) -> None:
    """Tell listeners, once the transaction has committed, that money which had gone back is here again."""
    told = {"payment_id": payment_id, "refund_id": refund_id}
    transaction.on_commit(lambda: payment_refund_failed.send(sender="billing", **told))


def announce_payment_disputed(payment_id: UUID, dispute_id: UUID) -> None:
    """Tell listeners, once the transaction has committed, that a payment is contested, or how that ended."""
    transaction.on_commit(lambda: payment_disputed.send(sender="billing", payment_id=payment_id, dispute_id=dispute_id))


def announce_subscription(type: str, subscription: Subscription, **ids: UUID | int | None) -> None:
    """
    Tell what became of a subscription: other systems by an announcement in this transaction, listeners once it has
    committed.

    :param type: ``subscription.`` started, renewed, expiring, past_due, expired, cancelled; ``trial.started``
    :param ids: what else belongs to it: ``invoice_id``, ``days``
    """
    facts: dict[str, Any] = {name.removesuffix("_id"): value for name, value in ids.items()}
    announcements.announce(type, wallet_id=subscription.wallet_id, subscription=subscription.pk, **facts)
    told = {"type": type, "subscription_id": subscription.pk, "wallet_id": subscription.wallet_id, **ids}
    transaction.on_commit(lambda: subscription_changed.send(sender="billing", **told))
