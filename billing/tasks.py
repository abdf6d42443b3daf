"""Billing's jobs. Each finds what is due and makes one call per wallet or invoice; each is safe to run twice."""

from billing.operations import expirations, invoices
from core.actors import Actor
from core.jobs import periodic


@periodic("billing.expire_holds_and_lots", every_seconds=60)
def expire_holds_and_lots(*, by: Actor) -> None:
    """Book the holds and lots that have run out. What is left over when a batch is full is the next run's."""
    for wallet_id in expirations.list_due_wallets():
        expirations.book(wallet_id=wallet_id, by=by)


@periodic("billing.expire_invoices", every_seconds=60)
def expire_invoices(*, by: Actor) -> None:
    """Close invoices whose time has passed and give their promo uses back."""
    for invoice_id in invoices.list_due():
        invoices.expire(invoice_id=invoice_id, by=by)
