"""The system log: what is kept, what is masked, and that nobody waits for it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.db import connection, transaction

from audit.models import SystemLog
from audit.operations import system_logs
from audit.system_log import SystemLogHandler
from audit.tests.factories import SystemLogFactory
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM, Actor, under
from core.database_roles import as_owner
from core.logs import configure_structlog
from core.tests import application
from core.tests.guards import execute

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def handler(transactional_db: None) -> Iterator[SystemLogHandler]:
    made = SystemLogHandler()
    yield made
    made.close()


@pytest.fixture
def log(handler: SystemLogHandler) -> Iterator[logging.Logger]:
    """A logger whose records go nowhere else."""
    logger = logging.getLogger("test.machinery")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True


def kept(handler: SystemLogHandler) -> list[SystemLog]:
    assert handler.wait_until_written(20)
    return list(SystemLog.objects.order_by("id"))


class TestKeeping:
    def test_keeps_warnings_and_errors_and_nothing_less(self, handler: SystemLogHandler, log: logging.Logger) -> None:
        log.info("all is well")
        log.warning("Job %s failed", "a")
        log.error("Job %s is dead", "b")
        log.critical("fire")

        assert [(row.level, row.source, row.message) for row in kept(handler)] == [
            ("warning", "test.machinery", "Job a failed"),
            ("error", "test.machinery", "Job b is dead"),
            ("critical", "test.machinery", "fire"),
        ]

    def test_gives_the_same_fingerprint_to_what_one_line_of_code_says(
        self, handler: SystemLogHandler, log: logging.Logger
    ) -> None:
        log.warning("Job %s failed", "a")
        log.warning("Job %s failed", "b")
        log.error("Job %s failed", "b")

        first, second, other = (row.fingerprint for row in kept(handler))
        assert first == second != other

    def test_tells_the_request_the_actor_and_the_traceback(
        self, handler: SystemLogHandler, log: logging.Logger
    ) -> None:
        with under(request_id="request-1", actor=Actor(kind="user", id="7", label="olga")):
            try:
                raise ZeroDivisionError("by nothing")
            except ZeroDivisionError:
                log.exception("It broke")

        (row,) = kept(handler)
        assert (row.context["request_id"], row.context["actor"]) == ("request-1", "user:olga")
        assert row.context["exception"].endswith("ZeroDivisionError: by nothing\n")

    def test_keeps_the_events_of_structlog_with_their_values(
        self, handler: SystemLogHandler, log: logging.Logger
    ) -> None:
        configure_structlog()
        structlog.get_logger("test.machinery").warning("slow", route="/x", seconds=2, tokens=5)

        (row,) = kept(handler)
        assert (row.message, row.source) == ("slow", "test.machinery")
        assert row.context == {"route": "/x", "seconds": 2, "tokens": 5}

    @pytest.mark.parametrize(
        "said",
        [
            "GET https://api.telegram.org/bot123456:CANARY-one_two/sendMessage failed",
            "cannot connect to postgres://dvorik:CANARY@db/dvorik",
            "Authorization: Bearer CANARY.x.y",
            "Api-Key CANARY_1",
            "{'password': 'CANARY'}",
            "refresh_token=CANARY&x=1",
            "Key (token)=(CANARY) already exists",
            "secret: CANARY",
        ],
    )
    def test_masks_secrets_in_texts_and_tracebacks(
        self, handler: SystemLogHandler, log: logging.Logger, said: str
    ) -> None:
        try:
            raise ValueError(said)
        except ValueError:
            log.exception("It broke: %s", said)
        log.warning({"event": "it broke", "why": {"said": [said]}, "password": "CANARY", "otp": "CANARY"})

        assert "CANARY" not in "".join(f"{row.message} {row.context}" for row in kept(handler))

    def test_leaves_addresses_and_numbers_of_tokens_readable(
        self, handler: SystemLogHandler, log: logging.Logger
    ) -> None:
        log.warning("GET http://127.0.0.1:8000/bottles took 5 s, tokens: 7")
        assert kept(handler)[0].message == "GET http://127.0.0.1:8000/bottles took 5 s, tokens: 7"

    @pytest.mark.parametrize("odd", ["\x00", "\ud800", "\\u0000", "\u202e", "x" * 100_000, object(), {1: float("nan")}])
    def test_keeps_whatever_it_is_given(self, handler: SystemLogHandler, log: logging.Logger, odd: Any) -> None:
        log.warning("odd: %s", odd)
        log.warning({"event": "odd", "value": odd, "many": [{"inner": odd}]})

        assert len(kept(handler)) == 2
        assert handler.dropped == 0

    def test_of_a_record_that_cannot_be_read_is_counted_as_lost(
        self, handler: SystemLogHandler, log: logging.Logger
    ) -> None:
        handler.handle(logging.makeLogRecord({"levelno": 30, "msg": "%d", "args": ("no number",)}))
        log.warning("the next one")

        assert handler.dropped == 1
        assert kept(handler)[0].message == "the next one"


@pytest.mark.django_db(transaction=True)
class TestNeverWaiting:
    def test_for_a_locked_table(self, handler: SystemLogHandler, log: logging.Logger) -> None:
        with transaction.atomic():
            execute("LOCK TABLE audit_systemlog IN ACCESS EXCLUSIVE MODE")
            begun = time.monotonic()
            for number in range(1500):
                log.warning("number %s", number)
            took = time.monotonic() - begun
            assert not handler.wait_until_written(0.1)
        # Whoever waited for room in the queue would wait for four batches, each as long as the lock's time-out of 2 s.
        assert took < 6

        rows = kept(handler)
        lost = handler.dropped
        assert lost >= 1500 - 1000 - 100, "what does not fit into the queue is dropped"
        told = [row for row in rows if row.source == "audit.system_log"]
        assert sum(row.context["dropped"] for row in told) == lost
        assert len(rows) - len(told) == 1500 - lost, "everything was either kept or counted"

    def test_breaks_nobody_when_there_is_no_table(self, handler: SystemLogHandler, log: logging.Logger) -> None:
        with as_owner():
            execute("ALTER TABLE audit_systemlog RENAME TO audit_hidden")
        try:
            log.warning("into the void")
            assert handler.wait_until_written(20)
        finally:
            with as_owner():
                execute("ALTER TABLE audit_hidden RENAME TO audit_systemlog")
        assert handler.dropped == 1

        log.warning("there again")
        assert [row.message for row in kept(handler)] == [
            "there again",
            "1 records were dropped: they came faster than they could be written",
        ]

    def test_writes_again_after_its_connection_was_cut(self, handler: SystemLogHandler, log: logging.Logger) -> None:
        log.warning("before")
        assert handler.wait_until_written(20)
        with as_owner():
            execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'dvorik-log' AND datname = current_database()"
            )
        log.warning("after")

        assert [row.message for row in kept(handler)] == ["before", "after"]

    def test_writes_in_forked_processes(self, handler: SystemLogHandler, log: logging.Logger) -> None:
        log.warning("the parent")
        assert handler.wait_until_written(20)
        child = os.fork()
        if child == 0:
            log.warning("the child")
            os._exit(0 if handler.wait_until_written(20) else 1)
        assert os.waitpid(child, 0)[1] == 0

        assert {row.message for row in kept(handler)} == {"the parent", "the child"}


@pytest.mark.django_db(transaction=True)
def test_is_written_by_every_process_outside_of_tests() -> None:
    code = "import django; django.setup(); import logging; logging.getLogger('test.process').error('from outside')"
    known = {**application.environment(os.environ), "ENV": "development", "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=True)

    assert '"event": "from outside"' in ran.stderr
    assert SystemLog.objects.get().message == "from outside"


def partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
            "WHERE inhparent = 'audit_systemlog'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.django_db
class TestPartitions:
    def test_are_made_ahead_for_three_months(self) -> None:
        now = database_clock.now()
        assert f"audit_systemlog_{now:%Y_%m}" in partitions()
        assert len(partitions()) == 4
        assert system_logs.keep(by=SYSTEM) == system_logs.Kept((), ())

    def test_follow_the_clock_and_lose_nothing(self, clock: TestClock) -> None:
        SystemLogFactory.create(message="early")
        clock.advance(days=70)
        SystemLogFactory.create(message="later")
        made = system_logs.keep(by=SYSTEM).made

        assert len(made) >= 2
        assert sorted(SystemLog.objects.values_list("message", flat=True)) == ["early", "later"]

    @pytest.mark.usefixtures("as_the_owner")
    def test_take_over_what_came_before_they_were_made(self, clock: TestClock) -> None:
        clock.advance(days=365)
        SystemLogFactory.create(message="waiting")
        assert rows_of("audit_systemlog_default") == 1

        system_logs.keep(by=SYSTEM)

        assert rows_of("audit_systemlog_default") == 0
        assert rows_of(f"audit_systemlog_{database_clock.now():%Y_%m}") == 1
        assert SystemLog.objects.get().message == "waiting"

    def test_are_dropped_after_90_days(self, clock: TestClock) -> None:
        SystemLogFactory.create()
        first = f"audit_systemlog_{database_clock.now():%Y_%m}"
        clock.advance(days=89)
        assert system_logs.keep(by=SYSTEM).dropped == ()
        assert SystemLog.objects.count() == 1

        clock.advance(days=33)
        assert first in system_logs.keep(by=SYSTEM).dropped
        assert first not in partitions()
        assert SystemLog.objects.count() == 0


def rows_of(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        found: int = cursor.fetchone()[0]
    return found
