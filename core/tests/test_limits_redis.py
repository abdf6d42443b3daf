"""Limits that Redis counts: exact, by its own clock, and what happens when it is gone (RELIABILITY F20, F21)."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator

import pytest
from django.test import override_settings

from core.errors import RateLimited, Unavailable
from core.limits import Limit, on_outage, redis_store
from core.models import Throttle
from core.tests.buckets import PrivateRedis, forget, private_redis
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 32


def limit(tries: int = 10, seconds: int = 3600, **how: object) -> Limit:
    fields = {"what": "tries", "whom": "caller", "keeping": "shared", **how}
    return Limit("test.tries", tries, seconds, **fields)  # type: ignore[arg-type]  # as many as a test cares for


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server


def passes(each: Limit, subject: str = "10.0.0.1") -> bool:
    try:
        each.count(subject)
    except RateLimited:
        return False
    return True


class TestCounting:
    def test_lets_exactly_so_many_through_at_once(self, redis: PrivateRedis) -> None:
        for tries in (1, 7, 31):
            passed = race(*[lambda tries=tries: passes(limit(tries), f"of {tries}")] * CALLERS)
            assert sum(passed) == tries
        assert not Throttle.objects.exists(), "Redis is the only counter"

    def test_lets_more_through_where_the_limit_is_higher(self, redis: PrivateRedis) -> None:
        """The control: it is the limit that holds them back."""
        assert sum(race(*[lambda: passes(limit(CALLERS))] * CALLERS)) == CALLERS

    def test_counts_for_all_processes_together(self, redis: PrivateRedis) -> None:
        each = limit(2, keeping="process")
        assert passes(each)
        # What another process would know: nothing.
        forget()
        assert [passes(each), passes(each)] == [True, False]

    def test_grows_back_evenly(self, redis: PrivateRedis) -> None:
        each = limit(2, 1)
        assert [passes(each) for _try in range(3)] == [True, True, False]
        end = time.monotonic() + 5
        while not passes(each):
            assert time.monotonic() < end
        assert not passes(each), "one has come back, not both"

    def test_says_how_long_to_wait(self, redis: PrivateRedis) -> None:
        each = limit(1, 60)
        each.count("somebody")
        with pytest.raises(RateLimited) as refusal:
            each.count("somebody")
        assert refusal.value.retry_after in {59, 60}

    def test_does_not_punish_for_refused_attempts(self, redis: PrivateRedis) -> None:
        each = limit(1, 1)
        end = time.monotonic() + 5
        assert passes(each)
        while not passes(each):
            assert time.monotonic() < end

    def test_keeps_subjects_apart(self, redis: PrivateRedis) -> None:
        assert [passes(limit(1), "a"), passes(limit(1), "b"), passes(limit(1), "a")] == [True, True, False]

    def test_leaves_no_key_behind_once_the_bucket_is_empty(self, redis: PrivateRedis) -> None:
        from redis import Redis

        passes(limit(10, 1))
        client = Redis.from_url(redis.url)
        assert 0 < client.pttl("dvorik:limits:test.tries:10.0.0.1") <= 100


class TestWithoutIt:
    def test_what_is_closed_is_refused_and_what_is_open_let_through(self, redis: PrivateRedis) -> None:
        assert passes(limit())
        redis.kill()
        with pytest.raises(Unavailable) as refusal:
            limit().count("somebody")
        assert refusal.value.retry_after == 2
        limit(when_down="open").count("somebody")
        limit().count("somebody", when_down="open")

    def test_what_guards_money_and_passwords_goes_on_counting(self, redis: PrivateRedis) -> None:
        redis.kill()
        each = limit(1, keeping="database")
        assert [passes(each), passes(each)] == [True, False]
        assert Throttle.objects.count() == 1

    def test_counting_goes_on_when_it_is_back(self, redis: PrivateRedis) -> None:
        redis.kill()
        with pytest.raises(Unavailable):
            limit(1).count("somebody")
        redis.start()
        redis_store.forget_outage()
        assert [passes(limit(1)), passes(limit(1))] == [True, False]

    def test_one_that_hangs_holds_one_request_for_a_moment_and_the_next_not_at_all(self, redis: PrivateRedis) -> None:
        passes(limit())
        assert redis.process is not None
        redis.process.send_signal(signal.SIGSTOP)
        took = []
        for _try in range(3):
            begun = time.monotonic()
            with pytest.raises(Unavailable):
                limit().count("somebody")
            took.append(time.monotonic() - begun)
        redis.process.send_signal(signal.SIGCONT)
        # By the time that Redis is given: bounds of our own would measure how busy the machine is.
        assert [each >= redis_store.TIMEOUT_SECONDS for each in took] == [True, False, False]

    def test_is_logged_and_told_of_once_a_minute(
        self, redis: PrivateRedis, caplog: pytest.LogCaptureFixture, registry_restored: None
    ) -> None:
        told: list[tuple[str, str]] = []
        on_outage(lambda store, name: told.append((store, name)))
        redis.kill()
        with caplog.at_level(logging.ERROR):
            for _try in range(5):
                limit(when_down="open").count("somebody")
        assert told == [("redis", "test.tries")]
        lines = [record for record in caplog.records if "limit_store_down" in str(record.msg)]
        assert len(lines) == 1

    def test_one_that_was_emptied_begins_anew_and_the_database_does_not(self, redis: PrivateRedis) -> None:
        frequent, guarded = limit(1), limit(1, keeping="database")
        assert passes(frequent)
        assert passes(guarded)
        redis.flush()
        assert [passes(frequent), passes(frequent)] == [True, False]
        assert not passes(guarded)


@override_settings(LIMITS_REDIS_URL="")
def test_without_a_redis_frequent_limits_are_counted_in_the_database_or_the_process() -> None:
    forget()
    each = limit(1)
    assert [passes(each), passes(each)] == [True, False]
    assert Throttle.objects.count() == 1
    own = limit(1, keeping="process")
    assert [passes(own), passes(own)] == [True, False]
    assert Throttle.objects.count() == 1
