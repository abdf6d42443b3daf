"""Making the file of an export, as whoever asked for it would see the list."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import translation

from core import clock
from core.actors import Actor
from core.api.pagination import Keyset
from core.exports import registry, writers
from core.ids import uuid7
from core.models import Export
from core.operations import exports as operations


class Lister(Protocol):
    """The rows of a list under its filters, as a user sees it, and their order."""

    def __call__(self, name: str, *, user: Any, query: str) -> tuple[QuerySet[Any], Keyset]: ...


def make(export_id: UUID, *, listing: Lister, by: Actor) -> None:
    """
    Write the file and keep it. Safe to run twice: what is finished stays as it is.

    :param listing: knows the lists; they belong to Admin
    """
    export = Export.objects.get(pk=export_id)
    if export.state not in (Export.State.QUEUED, Export.State.RUNNING):
        return
    definition = registry.definition(export.name)
    user = get_user_model()._default_manager.filter(pk=export.requested_by).first()
    # Between the asking and the writing somebody may have been kept out.
    if user is None or not user.is_active or not user.has_perm(definition.permission):
        operations.fail(export_id=export_id, by=by)
        return
    with translation.override(export.language):
        if definition.compute:
            computed = definition.compute(export.query)
            operations.begin(export_id=export_id, rows_total=len(computed), by=by)
            write = partial(writers.write_pages, definition, [computed])
        else:
            rows, keyset = listing(export.name, user=user, query=export.query)
            operations.begin(export_id=export_id, rows_total=rows.count(), by=by)
            write = partial(writers.write, definition, rows, keyset)
        written, size = _write(export, write, progress=_progress(export_id, by))
    operations.finish(export_id=export_id, rows_written=written, bytes_written=size, by=by)


def _write(export: Export, write: Callable[..., int], *, progress: Callable[[int], None]) -> tuple[int, int]:
    """The file, whole or not at all; its rows and its size in bytes."""
    folder = settings.EXPORTS_FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial_file = export.path.with_name(f"{export.path.name}.{uuid7().hex}.part")
    # Readable by the installation's owner alone, from its first byte on.
    os.close(os.open(partial_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        written = write(file_format=export.file_format, path=partial_file, progress=progress)
        size = partial_file.stat().st_size
        partial_file.replace(export.path)
    finally:
        partial_file.unlink(missing_ok=True)
    return written, size


def _progress(export_id: UUID, by: Actor) -> Callable[[int], None]:
    return lambda written: operations.note_progress(export_id=export_id, rows_written=written, by=by)


def purge(*, by: Actor) -> None:
    """Delete the files that are kept no longer."""
    while expired := operations.expire(by=by):
        for export in expired:
            export.path.unlink(missing_ok=True)
    # What a killed process has left behind.
    abandoned = clock.now() - timedelta(days=1)
    for left in settings.EXPORTS_FOLDER.glob("*.part"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < abandoned.timestamp():
                left.unlink()
