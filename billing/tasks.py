"""Billing's jobs. Each finds what is due and makes one call per wallet or invoice; each is safe to run twice."""

from billing.operations import expirations, invoices, ledger, reconciliation
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


@periodic("billing.checkpoint_lots", every_seconds=600)
def checkpoint_lots(*, by: Actor) -> None:
    """Leave checkpoints on long ledgers, so that reading a balance stays cheap."""
    for wallet_id in ledger.list_without_recent_checkpoint():
        ledger.write_checkpoint(wallet_id=wallet_id, by=by)


@periodic("billing.reconcile", every_seconds=24 * 3600, lease_seconds=600)
def reconcile(*, by: Actor) -> None:
    """Check the books nightly, what has changed since the last clean run; differences raise alerts."""
    reconciliation.run(by=by)
