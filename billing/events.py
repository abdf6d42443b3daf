"""What billing announces, after commit and carrying ids only. Products listen in their ``receivers.py``."""

from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

# kwargs: invoice_id: UUID
invoice_paid = Signal()


def announce_invoice_paid(invoice_id: UUID) -> None:
    """Tell listeners, once the transaction has committed, that an invoice was paid."""
    transaction.on_commit(lambda: invoice_paid.send(sender="billing", invoice_id=invoice_id))
