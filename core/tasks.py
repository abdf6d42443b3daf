"""Core's Celery tasks, the only two of the house, and its own jobs."""

from uuid import UUID

from celery import shared_task

from core.actors import Actor
from core.exports import making
from core.jobs import DeadLetter, job, on_dead_letter, periodic, runner, sweeper
from core.operations import exports as export_operations
from core.operations import idempotency, jobs, throttles
from core.runtime_settings import DONE_JOBS_KEPT_DAYS


@shared_task(name="core.run_job")
def run_job(job_id: str) -> None:
    """Run a job's row, if it is due and free."""
    runner.run(UUID(job_id))


@shared_task(name="core.tick")
def tick() -> None:
    """What beat calls every few seconds."""
    sweeper.tick()


@periodic("core.purge_done_jobs", every_seconds=3600)
def purge_done_jobs(*, by: Actor) -> None:
    while jobs.purge_done(older_than_days=DONE_JOBS_KEPT_DAYS.get(), by=by) == jobs.PURGE_BATCH:
        pass


@periodic("core.purge_idempotency_records", every_seconds=3600)
def purge_idempotency_records(*, by: Actor) -> None:
    while idempotency.purge_old(by=by) == idempotency.PURGE_BATCH:
        pass


@periodic("core.purge_throttles", every_seconds=3600)
def purge_throttles(*, by: Actor) -> None:
    while throttles.purge_empty(by=by) == throttles.PURGE_BATCH:
        pass


@job("core.write_export", max_attempts=3)
def write_export(*, export_id: str, by: Actor) -> None:
    # Pages of Admin are made once all apps are there.
    from core.admin.exports import list_rows

    making.make(UUID(export_id), listing=list_rows, by=by)


@on_dead_letter
def note_that_there_will_be_no_file(letter: DeadLetter, /, *, by: Actor) -> None:
    if letter.name == "core.write_export" and letter.key:
        export_operations.fail(export_id=UUID(letter.key), by=by)


@periodic("core.purge_exports", every_seconds=900)
def purge_exports(*, by: Actor) -> None:
    making.purge(by=by)
