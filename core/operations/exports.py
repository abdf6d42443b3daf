"""Files made of lists: asked for, written, given out, deleted after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import F

from core import errors, jobs
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.exports import registry
from core.models import Export
from core.runtime_settings import EXPORTS_KEPT_HOURS

PURGE_BATCH: Final = 100


@operation
def request(
    *, name: str, file_format: str, query: str, language: str, user_id: UUID, is_long: bool, by: Actor
) -> Export:
    """
    Ask for a file. Who may is the door's to know, and asked again when the file is written.

    :param name: as registered: ``ledger``
    :param query: the list's filters, as its address has them
    :param is_long: have a job write it
    """
    export = Export.objects.create(
        name=name,
        file_format=file_format,
        query=query,
        language=language,
        requested_by=user_id,
        requested_by_label=str(by.label or by.id)[:200],
    )
    if is_long:
        jobs.enqueue("core.write_export", key=str(export.pk), export_id=export.pk)
    return export


@operation
def begin(*, export_id: UUID, rows_total: int, by: Actor) -> None:
    """
    Note that the file is being written, from its beginning.

    :raises core.errors.ExportNotFound: it was never asked for, or is finished
    """
    begun = Export.objects.filter(pk=export_id, state__in=[Export.State.QUEUED, Export.State.RUNNING]).update(
        state=Export.State.RUNNING, rows_total=rows_total, rows_written=0
    )
    if not begun:
        raise errors.ExportNotFound


@operation
def note_progress(*, export_id: UUID, rows_written: int, by: Actor) -> None:
    """Say how many rows are in the file by now."""
    Export.objects.filter(pk=export_id, state=Export.State.RUNNING).update(rows_written=rows_written)


@operation
def finish(*, export_id: UUID, rows_written: int, bytes_written: int, by: Actor) -> Export:
    """
    Keep the file for its hours, and record whose it is, what is in it, and how many rows.

    :raises core.errors.ExportNotFound: it is not being written
    """
    export = _locked(export_id, Export.State.RUNNING)
    Export.objects.filter(pk=export_id).update(
        state=Export.State.DONE,
        rows_written=rows_written,
        rows_total=rows_written,
        bytes_written=bytes_written,
        finished_at=CoreNow(),
        expires_at=CoreNow() + timedelta(hours=EXPORTS_KEPT_HOURS.get()),
    )
    export.refresh_from_db()
    _announce("made", export, by)
    return export


@operation
def fail(*, export_id: UUID, by: Actor) -> None:
    """Say that there will be no file."""
    unfinished = [Export.State.QUEUED, Export.State.RUNNING]
    Export.objects.filter(pk=export_id, state__in=unfinished).update(state=Export.State.FAILED, finished_at=CoreNow())


@operation
def give_out(*, export_id: UUID, by: Actor) -> Export:
    """
    Record that somebody gets the file.

    :raises core.errors.ExportNotFound: there is none, or it was deleted
    """
    export = _locked(export_id, Export.State.DONE)
    _announce("downloaded", export, by)
    return export


@operation
def expire(*, by: Actor) -> list[Export]:
    """
    Say which files are kept no longer, some at a time; whoever asked deletes them. What a day did not finish is lost
    with its process, and failed.
    """
    Export.objects.filter(
        state__in=[Export.State.QUEUED, Export.State.RUNNING], created_at__lte=CoreNow() - timedelta(days=1)
    ).update(state=Export.State.FAILED, finished_at=CoreNow())
    due = Export.objects.select_for_update(skip_locked=True).filter(state=Export.State.DONE, expires_at__lte=CoreNow())
    expired = list(due.order_by("expires_at")[:PURGE_BATCH])
    Export.objects.filter(pk__in=[each.pk for each in expired]).update(
        state=Export.State.EXPIRED, bytes_written=None, rows_total=F("rows_written")
    )
    return expired


def _locked(export_id: UUID, state: str) -> Export:
    export = Export.objects.select_for_update().filter(pk=export_id, state=state).first()
    if export is None:
        raise errors.ExportNotFound
    return export


def _announce(deed: str, export: Export, by: Actor) -> None:
    registry.announce(
        registry.Deed(
            deed=deed,
            export_id=str(export.pk),
            name=export.name,
            file_format=export.file_format,
            filters=export.query,
            rows=export.rows_written,
        ),
        by=by,
    )
