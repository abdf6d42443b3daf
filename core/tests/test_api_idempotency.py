"""The same key gives the first answer again, whoever asks how often, and nothing happens twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from conftest import TestClock
from core.actors import SYSTEM
from core.errors import IdempotencyInProgress, IdempotencyKeyInvalid, IdempotencyMismatch, JobIsNotDead
from core.models import IdempotencyRecord, Throttle
from core.operations import idempotency
from core.operations.idempotency import StoredAnswer
from core.tests.api_routes import Refusal
from core.tests.racing import race, until_somebody_waits, with_own_connection

pytestmark = pytest.mark.urls("core.tests.api_routes")

TWINS = 32


def post(body: dict[str, Any] | None = None, *, key: str | None = "k1", caller: str = "bot") -> Any:
    headers = {"Authorization": f"Test {caller} known"} | ({"Idempotency-Key": key} if key is not None else {})
    client = Client(raise_request_exception=False)
    return client.post("/t/once", data=body or {"subject": "s"}, content_type="application/json", headers=headers)


def made() -> int:
    return Throttle.objects.filter(scope="once").count()


@pytest.mark.django_db(transaction=True)
class TestOneAfterAnother:
    def test_gives_the_first_answer_again_byte_for_byte(self) -> None:
        first, second = post(), post()
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second["Content-Type"] == first["Content-Type"] == "application/json"
        assert "Idempotency-Replayed" not in first
        assert second["Idempotency-Replayed"] == "true"
        assert made() == 1

    def test_takes_an_equal_body_in_another_spelling_for_the_same(self) -> None:
        post({"subject": "s", "ending": "well"})
        client = Client(headers={"Authorization": "Test bot known", "Idempotency-Key": "k1"})
        spelled = b'{ "ending":"well",\n "\\u0073ubject":"s" }'
        again = client.post("/t/once", data=spelled, content_type="application/json")
        assert again["Idempotency-Replayed"] == "true"

    def test_refuses_another_body(self) -> None:
        post({"subject": "s"})
        response = post({"subject": "another"})
        assert response.status_code == 422
        assert response.json()["code"] == "common.idempotency_mismatch"
        assert made() == 1

    def test_gives_each_caller_keys_of_their_own(self) -> None:
        assert post({"subject": "s"}).status_code == 201
        assert post({"subject": "t"}, caller="other").status_code == 201
        assert made() == 2

    def test_remembers_nothing_of_a_refusal(self) -> None:
        response = post({"subject": "s", "ending": "refused"})
        assert response.json()["code"] == Refusal.code
        assert (made(), IdempotencyRecord.objects.count()) == (0, 0)
        assert post({"subject": "s"}).status_code == 201

    def test_remembers_nothing_of_a_defect(self) -> None:
        assert post({"subject": "s", "ending": "broken"}).status_code == 500
        assert (made(), IdempotencyRecord.objects.count()) == (0, 0)

    def test_remembers_nothing_of_an_invalid_body(self) -> None:
        assert post({"subject": ""}).status_code == 400
        assert post({"subject": "s"}).status_code == 201

    def test_keeps_a_refusal_that_happened_all_the_same(self) -> None:
        first, second = (post({"subject": "s", "ending": "kept"}) for _ in range(2))
        assert first.status_code == second.status_code == 409
        assert first["Content-Type"] == second["Content-Type"] == "application/problem+json"
        assert first.json()["code"] == Refusal.code
        assert second.content == first.content
        assert second["Idempotency-Replayed"] == "true"
        assert made() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "common.idempotency_key_missing"),
        ("", "common.idempotency_key_invalid"),
        (" ", "common.idempotency_key_invalid"),
        ("k" * 256, "common.idempotency_key_invalid"),
        ("kéy", "common.idempotency_key_invalid"),
        ("a\tb", "common.idempotency_key_invalid"),
        ("a\x7f", "common.idempotency_key_invalid"),
        (" a", "common.idempotency_key_invalid"),
        ("billing:grant:1", "common.idempotency_key_invalid"),
        ("Billing:grant:1", "common.idempotency_key_invalid"),
    ],
)
def test_refuses_a_key_that_is_none(key: str | None, code: str) -> None:
    response = post(key=key)
    assert response.status_code == 400
    assert response.json()["code"] == code
    assert made() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["k", "k" * 255, "order 17 / part 2", "~!@#$%^&*()", "not-billing:1"])
def test_takes_a_key_of_printable_characters(key: str) -> None:
    assert post(key=key).status_code == 201


@pytest.mark.parametrize("key", ["k" * 256, "billing:x", "é"])
def test_refuses_such_keys_in_a_body_too(key: str) -> None:
    response = Client().post("/t/key", data={"key": key}, content_type="application/json")
    assert response.json()["code"] == IdempotencyKeyInvalid.code


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_does_it_once_and_answers_everybody_the_same(self) -> None:
        answers = race(*[post] * TWINS)
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert sum("Idempotency-Replayed" in answer for answer in answers) == TWINS - 1
        assert made() == 1

    def test_does_it_as_often_as_there_are_keys(self) -> None:
        # The negative control: without an equal key nothing holds them back.
        answers = race(*[partial(post, {"subject": str(n)}, key=f"k{n}") for n in range(8)])
        assert {answer.status_code for answer in answers} == {201}
        assert made() == 8

    def test_lets_the_twin_do_it_when_the_first_is_refused(self) -> None:
        with holding("k1", refuse=True):
            twin = ThreadPoolExecutor(1).submit(
                with_own_connection(lambda: run_once("k1", lambda: StoredAnswer(201, "second")))
            )
            until_somebody_waits()
        assert twin.result(timeout=10) == (StoredAnswer(201, "second"), False)

    def test_gives_the_twin_the_first_answer_when_the_first_is_done(self) -> None:
        with holding("k1"):
            twin = ThreadPoolExecutor(1).submit(
                with_own_connection(lambda: run_once("k1", lambda: StoredAnswer(201, "second")))
            )
            until_somebody_waits()
        assert twin.result(timeout=10) == (StoredAnswer(200, "first"), True)

    def test_tells_the_twin_to_come_back_when_the_first_takes_too_long(self) -> None:
        with holding("k1"), pytest.raises(IdempotencyInProgress) as refusal:
            run_once("k1", unreachable, wait_seconds=0.05)
        assert refusal.value.retry_after == idempotency.RETRY_SECONDS
        assert refusal.value.status == 409

    def test_says_so_over_http_where_the_door_gives_a_statement_less_time(self, settings: Settings) -> None:
        settings.TIME_LIMITS = {"api": (0.3, 0, 0)}
        with holding("k1"):
            response = post()
        # It would keep the limit.
        connection.close()
        assert response.status_code == 409
        assert response.json()["code"] == "common.idempotency_in_progress"
        assert response["Retry-After"] == "1"

    def test_gives_the_effect_its_own_lock_timeout_back(self) -> None:
        seen = []

        def effect() -> StoredAnswer:
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                seen.append(cursor.fetchone()[0])
            return StoredAnswer(200, "")

        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1234ms'")
            try:
                run_once("k1", effect)
            finally:
                cursor.execute("RESET lock_timeout")
        assert seen == ["1234ms"]


@pytest.mark.django_db
class TestOperation:
    def test_refuses_another_request_and_moves_nothing(self) -> None:
        run_once("k1", lambda: StoredAnswer(200, "first"))
        with pytest.raises(IdempotencyMismatch), transaction.atomic():
            idempotency.run_once(
                caller="api_key:bot", key="k1", request_hash="other", route="", effect=unreachable, by=SYSTEM
            )
        assert [record.body for record in IdempotencyRecord.objects.all()] == ["first"]

    def test_takes_the_reservation_back_with_a_refused_effect(self) -> None:
        def refuse() -> StoredAnswer:
            raise JobIsNotDead

        with pytest.raises(JobIsNotDead), transaction.atomic():
            run_once("k1", refuse)
        assert not IdempotencyRecord.objects.exists()

    def test_forgets_after_thirty_days(self, clock: TestClock) -> None:
        run_once("old", lambda: StoredAnswer(200, ""))
        clock.advance(days=29, hours=23)
        assert idempotency.purge_old(by=SYSTEM) == 0
        run_once("young", lambda: StoredAnswer(200, ""))
        clock.advance(hours=2)
        assert idempotency.purge_old(by=SYSTEM) == 1
        assert [record.key for record in IdempotencyRecord.objects.all()] == ["young"]

    def test_says_whose_record_it_is(self) -> None:
        run_once("k1", lambda: StoredAnswer(200, ""))
        assert str(IdempotencyRecord.objects.get()) == "api_key:bot k1"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [0, 199, 600])
def test_keeps_http_statuses_only(status: int) -> None:
    with pytest.raises(Exception, match="core_idempotencyrecord_status_is_of_http"), transaction.atomic():
        IdempotencyRecord.objects.create(caller="c", key="k", request_hash="", route="", status=status)


def run_once(
    key: str, effect: Callable[[], StoredAnswer], *, wait_seconds: float = idempotency.WAIT_SECONDS
) -> tuple[StoredAnswer, bool]:
    return idempotency.run_once(
        caller="api_key:bot",
        key=key,
        request_hash="h",
        route="POST /t/once",
        effect=effect,
        wait_seconds=wait_seconds,
        by=SYSTEM,
    )


def unreachable() -> StoredAnswer:
    raise AssertionError("the effect ran")


class holding:  # noqa: N801  a context manager, named as a verb
    """Another connection that has reserved the key and ends with the block: done, or refused."""

    def __init__(self, key: str, *, refuse: bool = False) -> None:
        self.key = key
        self.refuse = refuse
        self.reserved, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=with_own_connection(self._hold))

    def _hold(self) -> None:
        def effect() -> StoredAnswer:
            self.reserved.set()
            self.may_end.wait(timeout=20)
            if self.refuse:
                raise JobIsNotDead
            return StoredAnswer(200, "first")

        with suppress(JobIsNotDead):
            run_once(self.key, effect)

    def __enter__(self) -> None:
        self.thread.start()
        assert self.reserved.wait(timeout=10)

    def __exit__(self, *exception: object) -> None:
        self.may_end.set()
        self.thread.join(timeout=10)
