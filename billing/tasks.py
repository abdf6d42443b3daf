"""Billing's jobs. Each makes one call, and each is safe to run twice and at once."""

from billing.operations import expirations, invoices, ledger, reconciliation
from core.actors import Actor
from core.jobs import periodic


@periodic("billing.expire_holds_and_lots", every_seconds=60, lease_seconds=300)
def expire_holds_and_lots(*, by: Actor) -> None:
    """Book the holds and lots that have run out."""
    expirations.sweep(by=by)


@periodic("billing.expire_invoices", every_seconds=60, lease_seconds=300)
def expire_invoices(*, by: Actor) -> None:
    """Close invoices whose time has passed and give their promo uses back."""
    invoices.sweep(by=by)


@periodic("billing.checkpoint_lots", every_seconds=600, lease_seconds=300)
def checkpoint_lots(*, by: Actor) -> None:
    """Leave checkpoints on long ledgers, so that reading a balance stays cheap."""
    ledger.sweep_checkpoints(by=by)


@periodic("billing.reconcile", every_seconds=24 * 3600, lease_seconds=600)
def reconcile(*, by: Actor) -> None:
    """Check the books nightly, what has changed since the last clean run; differences raise alerts."""
    reconciliation.run(by=by)
