"""Exports as rows: asked for, written, given out, expired."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings

from conftest import TestClock
from core.actors import Actor
from core.errors import ExportNotFound
from core.exports import making, registry
from core.ids import uuid7
from core.jobs import drain
from core.jobs.runner import Outcome
from core.models import Export, Job
from core.operations import exports
from core.tests.guards import guard_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_process")]

ANNA = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="anna")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with override_settings(EXPORTS_FOLDER=tmp_path / "exports"):
        yield tmp_path / "exports"


def asked(*, is_long: bool = False) -> Export:
    return exports.request(
        name="ledger", file_format="csv", query="", language="en", user_id=UUID(ANNA.id), is_long=is_long, by=ANNA
    )


def made() -> Export:
    export = asked()
    exports.begin(export_id=export.pk, rows_total=2, by=ANNA)
    return exports.finish(export_id=export.pk, rows_written=2, bytes_written=20, by=ANNA)


def test_a_short_one_is_no_job_and_a_long_one_is() -> None:
    asked()
    assert not Job.objects.exists()
    export = asked(is_long=True)
    job = Job.objects.get()
    assert (job.name, job.args) == ("core.write_export", {"export_id": str(export.pk)})


def test_goes_from_asked_to_done() -> None:
    export = made()
    assert (export.state, export.rows_written, export.rows_total, export.bytes_written) == ("done", 2, 2, 20)
    assert export.expires_at is not None
    assert export.finished_at is not None
    assert export.expires_at - export.finished_at == timedelta(hours=24)


def test_is_finished_once_and_given_out_only_then() -> None:
    export = asked()
    with pytest.raises(ExportNotFound), transaction.atomic():
        exports.give_out(export_id=export.pk, by=ANNA)
    with pytest.raises(ExportNotFound), transaction.atomic():
        exports.finish(export_id=export.pk, rows_written=1, bytes_written=1, by=ANNA)
    done = made()
    with pytest.raises(ExportNotFound), transaction.atomic():
        exports.finish(export_id=done.pk, rows_written=3, bytes_written=1, by=ANNA)
    assert exports.give_out(export_id=done.pk, by=ANNA).pk == done.pk


def test_expires_with_its_file(clock: TestClock, folder: Path) -> None:
    export = made()
    folder.mkdir()
    export.path.write_text("kept")
    making.purge(by=ANNA)
    assert export.path.exists()
    clock.advance(hours=25)
    making.purge(by=ANNA)
    export.refresh_from_db()
    assert export.state == "expired"
    assert not export.path.exists()
    with pytest.raises(ExportNotFound), transaction.atomic():
        exports.give_out(export_id=export.pk, by=ANNA)


def test_one_whose_process_died_fails_after_a_day(clock: TestClock, folder: Path) -> None:
    export = asked()
    exports.begin(export_id=export.pk, rows_total=2, by=ANNA)
    folder.mkdir()
    old, fresh = folder / "a.part", folder / "b.part"
    for each in (old, fresh):
        each.write_text("half")
    os.utime(old, (1, 1))
    making.purge(by=ANNA)
    export.refresh_from_db()
    assert export.state == "running"
    assert (old.exists(), fresh.exists()) == (False, True)
    clock.advance(hours=25)
    making.purge(by=ANNA)
    export.refresh_from_db()
    assert export.state == "failed"


def test_whoever_was_kept_out_meanwhile_gets_no_file(folder: Path) -> None:
    export = asked(is_long=True)
    assert drain.run_due() == [("core.write_export", Outcome.DONE)]
    export.refresh_from_db()
    assert export.state == "failed"
    assert not folder.exists()


def test_a_job_that_dies_says_so_on_its_export() -> None:
    export = asked(is_long=True)
    # What no code registers cannot be written.
    Export.objects.filter(pk=export.pk).update(name="nothing")
    Job.objects.update(max_attempts=1)
    assert drain.run_due() == [("core.write_export", Outcome.DEAD)]
    export.refresh_from_db()
    assert export.state == "failed"


@pytest.mark.parametrize(
    ("values", "guard"),
    [
        ({"state": "lost"}, "core_export_state_is_known"),
        ({"state": "done", "finished_at": None}, "core_export_done_is_kept_until_a_moment"),
        ({"state": "done", "expires_at": None}, "core_export_done_is_kept_until_a_moment"),
    ],
)
def test_the_table_refuses_what_cannot_be(values: dict[str, object], guard: str) -> None:
    export = made()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        Export.objects.filter(pk=export.pk).update(**values)
    assert guard_of(refusal.value) == guard


def test_a_name_is_registered_once() -> None:
    with pytest.raises(RuntimeError, match="registered twice"):
        registry.register(name="ledger", title="Ledger", columns=())
    with pytest.raises(KeyError):
        registry.definition(str(uuid7()))
