"""The audit floor's jobs. Each is safe to run twice and at once."""

from audit import courier
from audit.operations import deliveries, seals, system_logs
from audit.sealing import sealed_tables
from core.actors import Actor
from core.jobs import job, periodic


@periodic("audit.seal", every_seconds=60, lease_seconds=300)
def seal(*, by: Actor) -> None:
    """Seal the rows that are settled."""
    for table in sealed_tables():
        while seals.seal(chain=table.chain, by=by).has_more:
            pass


@periodic("audit.verify_seals", every_seconds=24 * 3600, lease_seconds=600)
def verify_seals(*, by: Actor) -> None:
    """Walk every chain nightly; a walk that was broken off goes on where it was. What does not fit raises an alert."""
    for table in sealed_tables():
        while seals.verify(chain=table.chain, by=by).has_more:
            pass


@periodic("audit.keep_system_log", every_seconds=24 * 3600)
def keep_system_log(*, by: Actor) -> None:
    """Make the next months' partitions of the system log, and drop those that are older than 90 days."""
    system_logs.keep(by=by)


@periodic("audit.tell_of_alerts", every_seconds=60)
def tell_of_alerts(*, by: Actor) -> None:
    """Put news of open alerts on their way, at most once a minute for each."""
    deliveries.plan_alerts(by=by)


@periodic("audit.publish_heads", every_seconds=24 * 3600)
def publish_heads(*, by: Actor) -> None:
    """Put the day's heads of the chains on their way to where the database's owner cannot reach them."""
    deliveries.plan_heads(by=by)


@periodic("audit.purge_deliveries", every_seconds=24 * 3600)
def purge_deliveries(*, by: Actor) -> None:
    """Forget what was delivered more than 90 days ago."""
    while deliveries.purge_old(by=by) == deliveries.PURGE_BATCH:
        pass


@job("audit.deliver", max_attempts=20, backoff_seconds=5, lease_seconds=120)
def deliver(*, delivery_id: int, by: Actor) -> None:
    """Carry one message out, once more if it did not get through."""
    courier.carry(delivery_id, by=by)
