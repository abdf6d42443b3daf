"""Running what is due in this process, without a broker."""

from __future__ import annotations

from collections.abc import Collection

from core.jobs import runner, sweeper
from core.jobs.runner import Outcome


def run_due(
    *, periods: bool = False, only: Collection[str] | None = None, limit: int | None = None
) -> list[tuple[str, Outcome]]:
    """
    Run the jobs that are due, oldest first, and those that become due meanwhile.

    :param periods: first queue the periodic jobs whose periods have begun, as the tick does
    :param only: of the periodic jobs, queue these; all by default
    :param limit: stop after so many
    :returns: the names of the jobs run and how each attempt ended
    """
    sweeper.reclaim()
    if periods:
        sweeper.enqueue_periods(only=only)
    ran: list[tuple[str, Outcome]] = []
    while limit is None or len(ran) < limit:
        claimed = runner.claim()
        if claimed is None:
            break
        ran.append((claimed.name, runner.run_claimed(claimed)))
    return ran
