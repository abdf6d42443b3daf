"""Billing's jobs. Each makes one call, and each is safe to run twice and at once."""

from uuid import UUID

from billing import courier
from billing.operations import (
    agreements,
    checkouts,
    credit_requests,
    expirations,
    invoices,
    ledger,
    notices,
    provider_events,
    provider_statements,
    reconciliation,
    referrals,
    refunds,
    renewals,
    webhook_deliveries,
)
from core.actors import Actor
from core.jobs import job, periodic


@job("billing.apply_payment_event", max_attempts=25, lease_seconds=120)
def apply_payment_event(*, event_id: str, by: Actor) -> None:
    """Look into what a provider has told, and do what follows from it."""
    provider_events.apply(event_id=UUID(event_id), by=by)


@job("billing.send_refund", max_attempts=25, lease_seconds=120)
def send_refund(*, refund_id: str, by: Actor) -> None:
    """Send a refund to its provider."""
    refunds.send(refund_id=UUID(refund_id), by=by)


@job("billing.charge_agreement", max_attempts=25, lease_seconds=120)
def charge_agreement(*, subscription_id: str, invoice_id: str, by: Actor) -> None:
    """Charge a renewal to what the customer has agreed to."""
    agreements.take(subscription_id=UUID(subscription_id), invoice_id=UUID(invoice_id), by=by)


@job("billing.tell_provider_of_subscription", max_attempts=25, lease_seconds=120)
def tell_provider_of_subscription(*, subscription_id: str, by: Actor) -> None:
    """Let a provider that renews by itself know whether it still may."""
    agreements.tell_provider(subscription_id=UUID(subscription_id), by=by)


@periodic("billing.poll_checkouts", every_seconds=300, lease_seconds=300)
def poll_checkouts(*, by: Actor) -> None:
    """Ask after payments of which no provider has told."""
    checkouts.sweep(by=by)


@periodic("billing.poll_refunds", every_seconds=300, lease_seconds=300)
def poll_refunds(*, by: Actor) -> None:
    """Ask after refunds that a provider has taken on."""
    refunds.sweep(by=by)


@periodic("billing.expire_holds_and_lots", every_seconds=60, lease_seconds=300)
def expire_holds_and_lots(*, by: Actor) -> None:
    """Book the holds and lots that have run out."""
    expirations.sweep(by=by)


@periodic("billing.expire_invoices", every_seconds=60, lease_seconds=300)
def expire_invoices(*, by: Actor) -> None:
    """Close invoices whose time has passed and give their promo uses back."""
    invoices.sweep(by=by)


@periodic("billing.expire_credit_requests", every_seconds=300, lease_seconds=300)
def expire_credit_requests(*, by: Actor) -> None:
    """Close credits that nobody has approved in time."""
    credit_requests.sweep(by=by)


@periodic("billing.renew_subscriptions", every_seconds=300, lease_seconds=300)
def renew_subscriptions(*, by: Actor) -> None:
    """Renew subscriptions before their end, tell of it, and end those that nobody pays for."""
    renewals.sweep(by=by)


@periodic("billing.checkpoint_lots", every_seconds=600, lease_seconds=300)
def checkpoint_lots(*, by: Actor) -> None:
    """Leave checkpoints on long ledgers, so that reading a balance stays cheap."""
    ledger.sweep_checkpoints(by=by)


@periodic("billing.reconcile", every_seconds=24 * 3600, lease_seconds=600)
def reconcile(*, by: Actor) -> None:
    """Check the books nightly, what has changed since the last clean run; differences raise alerts."""
    reconciliation.run(by=by)


@periodic("billing.compare_statements", every_seconds=24 * 3600)
def compare_statements(*, by: Actor) -> None:
    """Have our books compared nightly with those of the providers that keep any."""
    provider_statements.request(by=by)


@job("billing.compare_statement", max_attempts=25, lease_seconds=600)
def compare_statement(*, provider: str, by: Actor) -> None:
    """Compare our books with one provider's; differences raise alerts."""
    provider_statements.reconcile(provider=provider, by=by)


@job("billing.deliver_webhook", max_attempts=5, backoff_seconds=30, lease_seconds=120)
def deliver_webhook(*, delivery_id: str, by: Actor) -> None:
    """Carry one announcement to one endpoint; each further attempt is a job of its own."""
    courier.carry(UUID(delivery_id), by=by)


@periodic("billing.sweep_webhooks", every_seconds=60)
def sweep_webhooks(*, by: Actor) -> None:
    """Wake workers for announcements whose job was lost."""
    webhook_deliveries.sweep(by=by)


@periodic("billing.announce_low_balances", every_seconds=300, lease_seconds=300)
def announce_low_balances(*, by: Actor) -> None:
    """Tell other systems of balances that have fallen below the limit."""
    notices.sweep_low_balances(by=by)


@periodic("billing.announce_expiring_tokens", every_seconds=3600, lease_seconds=300)
def announce_expiring_tokens(*, by: Actor) -> None:
    """Tell other systems of tokens that expire soon."""
    notices.sweep_expiring_tokens(by=by)


@periodic("billing.mature_referrals", every_seconds=600, lease_seconds=300)
def mature_referrals(*, by: Actor) -> None:
    """Give the rewards of referrals whose payments can no longer be returned."""
    referrals.sweep(by=by)
