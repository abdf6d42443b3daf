"""What the table itself refuses, whoever writes to it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from core.models import Job, Setting

pytestmark = pytest.mark.django_db


def insert_job(**columns: object) -> None:
    values = {
        "id": uuid4(),
        "name": "core.test",
        "args": "{}",
        "state": "queued",
        "attempts": 0,
        "max_attempts": 3,
        "lease_seconds": 60,
        "last_error": "",
        "enqueued_by": "{}",
    } | columns
    insert("core_job", values)


def insert(table: str, values: dict[str, Any]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )


NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("core_job_state_is_known", {"state": "paused"}),
        ("core_job_runs_only_with_a_lease", {"state": "running"}),
        ("core_job_runs_only_with_a_lease", {"state": "running", "lease_token": uuid4()}),
        ("core_job_runs_only_with_a_lease", {"state": "queued", "lease_token": uuid4(), "lease_expires_at": NOW}),
        ("core_job_is_finished_when_done_or_dead", {"state": "done"}),
        ("core_job_is_finished_when_done_or_dead", {"state": "dead"}),
        ("core_job_is_finished_when_done_or_dead", {"state": "queued", "finished_at": NOW}),
        ("core_job_attempts_are_limited", {"attempts": 4}),
        ("core_job_attempts_are_limited", {"attempts": -1}),
        ("core_job_attempts_are_limited", {"max_attempts": 0}),
        ("core_job_lease_is_positive", {"lease_seconds": 0}),
        ("core_job_has_a_name", {"name": ""}),
        ("core_job_key_is_not_empty", {"key": ""}),
        ("core_job_args_are_an_object", {"args": "[]"}),
        ("core_job_args_are_an_object", {"args": "null"}),
    ],
)
def test_refuses_a_job_that_cannot_be(constraint: str, columns: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        insert_job(**columns)
    assert not Job.objects.exists()


def test_refuses_a_second_job_of_one_name_and_key() -> None:
    insert_job(key="k")
    insert_job(key="k", name="core.other")
    insert_job()
    insert_job()
    with pytest.raises(IntegrityError, match="core_job_key_is_used_once_per_name"):
        insert_job(key="k", state="dead", finished_at=NOW)
    assert Job.objects.count() == 4


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("core_setting_key_names_its_app", {"key": "nodots", "value": "1"}),
        ("core_setting_key_names_its_app", {"key": "Core.X", "value": "1"}),
        ("core_setting_has_one_value", {"key": "core.x"}),
        ("core_setting_has_one_value", {"key": "core.x", "value": "1", "secret_value": "2"}),
    ],
)
def test_refuses_a_setting_that_cannot_be(constraint: str, columns: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        insert("core_setting", {"updated_by": "x", **columns})
    assert not Setting.objects.exists()


@pytest.mark.usefixtures("as_the_owner")
def test_finds_the_jobs_of_each_errand_by_an_index() -> None:
    """Among many jobs that are done, each of the engine's statements has an index to itself."""
    questions = {
        "core_job_waits_for_wake_up": "state = 'queued' AND wake_at <= now() ORDER BY wake_at LIMIT 10",
        "core_job_lease_ends": "state = 'running' AND lease_expires_at <= now() ORDER BY lease_expires_at LIMIT 10",
        "core_job_done_is_old": "state = 'done' AND finished_at < now() ORDER BY finished_at LIMIT 10",
        "core_job_dead_is_seen": "state = 'dead' ORDER BY id DESC LIMIT 10",
        "core_job_is_unfinished": "name = 'core.x' AND state IN ('queued', 'running')",
        "core_job_by_name": "name = 'core.x' ORDER BY id DESC LIMIT 10",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_job (id, name, args, state, attempts, max_attempts, lease_seconds, last_error, "
            "enqueued_by, finished_at) SELECT gen_random_uuid(), 'core.' || n % 20, '{}', 'done', 1, 3, 60, '', '{}', "
            "now() - n * interval '1 minute' FROM generate_series(1, 5000) n"
        )
        # The planner goes by what it knows of the table, which is otherwise what autovacuum has last seen there.
        cursor.execute("ANALYZE core_job")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for index, question in questions.items():
            cursor.execute(f"EXPLAIN SELECT id FROM core_job WHERE {question}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert index in plan, plan
