"""Limits are exact, however many count at once, and grow back evenly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conftest import TestClock
from core.actors import SYSTEM
from core.errors import JobIsNotDead, RateLimited
from core.models import Throttle
from core.operations import throttles
from core.tests.racing import race, until_somebody_waits, with_own_connection

CALLERS = 32


def passes(*, subject: str = "10.0.0.1", limit: int = 10, per_seconds: int = 3600, scope: str = "auth.login") -> bool:
    try:
        throttles.hit(scope=scope, subject=subject, limit=limit, per_seconds=per_seconds)
    except RateLimited:
        return False
    return True


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_lets_exactly_so_many_through(self) -> None:
        for limit in (1, 7, 10, 31, 32):
            passed = race(*[lambda limit=limit: passes(subject=f"of {limit}", limit=limit)] * CALLERS)
            assert sum(passed) == limit

    def test_lets_more_through_where_the_limit_is_higher(self) -> None:
        # The negative control: it is the limit that holds them back.
        assert sum(race(*[lambda: passes(limit=2 * CALLERS)] * CALLERS)) == CALLERS

    def test_lets_through_who_began_to_wait_before_the_others_were_counted(self) -> None:
        assert passes(limit=2)
        row = Throttle.objects.get()
        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                Throttle.objects.select_for_update().get(pk=row.pk)
                waiting = pool.submit(with_own_connection(lambda: passes(limit=2)))
                until_somebody_waits()
                # As if only now the first one were counted: later than the second one began.
                cursor.execute(
                    "UPDATE core_throttle SET empty_at = clock_timestamp() + interval '30 minutes', "
                    "counted_at = clock_timestamp()"
                )
            assert waiting.result(60)
        assert not passes(limit=2)

    def test_counts_a_hit_whose_request_is_refused_afterwards(self) -> None:
        for _ in range(2):
            assert passes(limit=2)
            with pytest.raises(JobIsNotDead), transaction.atomic():
                raise JobIsNotDead
        assert not passes(limit=2)

    def test_refuses_to_count_inside_a_transaction(self) -> None:
        with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
            passes()
        assert not Throttle.objects.exists()


@pytest.mark.django_db
class TestOneAfterAnother:
    def test_grows_back_evenly(self, clock: TestClock) -> None:
        assert [passes(limit=3, per_seconds=60) for _ in range(4)] == [True, True, True, False]
        clock.advance(seconds=21)
        assert [passes(limit=3, per_seconds=60) for _ in range(2)] == [True, False]
        clock.advance(seconds=60)
        assert [passes(limit=3, per_seconds=60) for _ in range(4)] == [True, True, True, False]

    @pytest.mark.parametrize(("limit", "per_seconds"), [(1, 1), (3, 1), (7, 60), (1000, 7), (1, 86400)])
    def test_lets_all_of_an_uneven_limit_through(self, limit: int, per_seconds: int, clock: TestClock) -> None:
        # Under a test clock that stands inside one transaction, no time passes between the hits.
        assert all(passes(limit=limit, per_seconds=per_seconds) for _ in range(min(limit, 40)))
        if limit < 40:
            assert not passes(limit=limit, per_seconds=per_seconds)

    def test_does_not_punish_for_refused_attempts(self, clock: TestClock) -> None:
        passes(limit=1, per_seconds=60)
        assert not any(passes(limit=1, per_seconds=60) for _ in range(20))
        clock.advance(seconds=61)
        assert passes(limit=1, per_seconds=60)

    def test_says_how_long_to_wait(self, clock: TestClock) -> None:
        passes(limit=1, per_seconds=60)
        clock.advance(seconds=20)
        with pytest.raises(RateLimited) as refusal:
            throttles.hit(scope="auth.login", subject="10.0.0.1", limit=1, per_seconds=60)
        assert refusal.value.retry_after == 40
        clock.advance(seconds=refusal.value.retry_after or 0)
        assert passes(limit=1, per_seconds=60)

    def test_keeps_subjects_and_scopes_apart(self) -> None:
        assert passes(limit=1)
        assert passes(limit=1, subject="10.0.0.2")
        assert passes(limit=1, scope="auth.password")
        assert not passes(limit=1)

    def test_takes_subjects_of_any_length(self) -> None:
        long, longer = "x" * 5000, "x" * 5001
        assert passes(limit=1, subject=long)
        assert passes(limit=1, subject=longer)
        assert not passes(limit=1, subject=long)

    def test_costs_one_statement_either_way(self) -> None:
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                passes(limit=1)
            assert len(queries) == 1

    def test_deletes_what_limits_nobody(self, clock: TestClock) -> None:
        passes(subject="idle", limit=10, per_seconds=10)
        clock.advance(seconds=5)
        passes(subject="busy", limit=10, per_seconds=3600)
        assert throttles.purge_empty(by=SYSTEM) == 1
        assert [str(row) for row in Throttle.objects.all()] == ["auth.login busy"]

    def test_has_one_row_per_scope_and_subject(self) -> None:
        passes()
        row: Any = Throttle.objects.get()
        with pytest.raises(Exception, match="core_throttle_is_one_per_scope_and_subject"), transaction.atomic():
            Throttle.objects.create(scope=row.scope, subject=row.subject, empty_at=row.empty_at)
