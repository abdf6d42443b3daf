"""The audit floor's jobs. Each is safe to run twice and at once."""

from audit.operations import seals, system_logs
from audit.sealing import sealed_tables
from core.actors import Actor
from core.jobs import periodic


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
