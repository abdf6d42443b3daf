"""Keyset pages: complete, without repetition, in both directions, by the index, in one query."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.api.pagination import Keyset, paged
from core.database_roles import as_owner
from core.errors import ValidationFailed
from core.models import IdempotencyRecord, Throttle
from core.tests.api_routes import Bucket

pytestmark = [pytest.mark.urls("core.tests.api_routes"), pytest.mark.django_db]

MORNING = datetime(2026, 1, 31, 9, tzinfo=UTC)
DESCENDING = Keyset("-empty_at", "-id")


def fill(count: int, *, ties: int = 3) -> list[Throttle]:
    """Rows of which ``ties`` each share a moment, newest first as the list shows them."""
    Throttle.objects.bulk_create(
        Throttle(scope="pages", subject=str(n), empty_at=MORNING + timedelta(microseconds=n // ties))
        for n in range(count)
    )
    return list(Throttle.objects.order_by("-empty_at", "-id"))


def walk(first: str, *, by: str = "next", start: str | None = None) -> list[list[str]]:
    """The subjects of each page, from cursor to cursor."""
    pages = []
    cursor = start
    while True:
        answer = Client().get(first + (f"&cursor={cursor}" if cursor else "")).json()
        pages.append([row["subject"] for row in answer["results"]])
        cursor = answer[by]
        if cursor is None:
            return pages


def last_cursor(first: str) -> str:
    """The ``previous`` cursor of the last page."""
    cursor, previous = None, None
    while True:
        answer = Client().get(first + (f"&cursor={cursor}" if cursor else "")).json()
        cursor, previous = answer["next"], answer["previous"]
        if cursor is None:
            assert previous
            return str(previous)


@pytest.mark.parametrize("path", ["/t/buckets", "/t/buckets-ascending"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21])
def test_shows_each_row_once_in_order(path: str, limit: int) -> None:
    expected = [row.subject for row in fill(20)]
    if "ascending" in path:
        expected.reverse()
    pages = walk(f"{path}?limit={limit}")
    assert [subject for page in pages for subject in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


@pytest.mark.parametrize("path", ["/t/buckets", "/t/buckets-ascending"])
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_walks_back_over_the_same_rows(path: str, limit: int) -> None:
    fill(20)
    there = walk(f"{path}?limit={limit}")
    back = walk(f"{path}?limit={limit}", by="previous", start=last_cursor(f"{path}?limit={limit}"))
    shown = [subject for page in reversed(back) for subject in page]
    assert shown == [subject for page in there[:-1] for subject in page]


def test_knows_its_ends() -> None:
    fill(4)
    first = DESCENDING.page(Throttle.objects.all(), limit=2)
    assert first.previous is None
    second = DESCENDING.page(Throttle.objects.all(), limit=2, cursor=first.next)
    assert second.next is None
    again = DESCENDING.page(Throttle.objects.all(), limit=2, cursor=second.previous)
    assert (again.previous, [row.pk for row in again.rows]) == (None, [row.pk for row in first.rows])
    assert again.next


def test_answers_an_empty_list_with_an_empty_page() -> None:
    answer = Client().get("/t/buckets").json()
    assert answer == {"results": [], "next": None, "previous": None}


def test_answers_an_empty_page_where_the_rows_behind_a_cursor_are_gone() -> None:
    rows = fill(3)
    page = DESCENDING.page(Throttle.objects.all(), limit=2)
    rows[-1].delete()
    assert DESCENDING.page(Throttle.objects.all(), limit=2, cursor=page.next).rows == []


def test_neither_skips_nor_repeats_when_rows_are_added_between() -> None:
    fill(6)
    page = DESCENDING.page(Throttle.objects.all(), limit=3)
    Throttle.objects.create(scope="pages", subject="newest", empty_at=MORNING + timedelta(days=1))
    seen = [row.subject for row in DESCENDING.page(Throttle.objects.all(), limit=9, cursor=page.next).rows]
    assert seen == ["2", "1", "0"]


def test_keeps_a_filter_from_page_to_page() -> None:
    fill(6)
    Throttle.objects.create(scope="other", subject="x", empty_at=MORNING)
    assert [s for page in walk("/t/buckets?scope=pages&limit=4") for s in page] == ["5", "4", "3", "2", "1", "0"]


def test_takes_fifty_by_default() -> None:
    fill(51)
    answer = Client().get("/t/buckets").json()
    assert len(answer["results"]) == 50
    assert answer["next"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1000000000", "ten", "1.5", ""])
def test_refuses_a_limit_outside_1_to_200(limit: str) -> None:
    response = Client().get(f"/t/buckets?limit={limit}")
    assert response.status_code == 400
    assert response.json()["errors"].keys() == {"limit"}


SALT = "core.api.pagination:core.throttle:True:empty_at,id"
VALUES = ["next", MORNING.isoformat(), 1]


def forged(values: list[Any] = VALUES, salt: str = SALT) -> str:
    """A cursor whose signature is right."""
    return signing.dumps(values, salt=salt)


@pytest.mark.parametrize(
    "cursor", ["x", "::", "%20", "eyJ9:1abcde:" + "A" * 43, "ё", "2", pytest.param("a" * 1001, id="long")]
)
def test_refuses_garbage_for_a_cursor(cursor: str) -> None:
    response = Client().get("/t/buckets", {"cursor": cursor})
    assert response.status_code == 400, response.content
    assert response.json()["errors"].keys() == {"cursor"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"salt": SALT.replace("True", "False")},
        {"salt": SALT.replace("throttle", "job")},
        {"values": VALUES[:2]},
        {"values": [*VALUES, 1]},
        {"values": ["next", "yesterday", 1]},
        {"values": ["next", MORNING.isoformat(), "one"]},
    ],
    ids=str,
)
def test_refuses_a_signed_cursor_of_something_else(wrong: dict[str, Any]) -> None:
    response = Client().get("/t/buckets", {"cursor": forged(**wrong)})
    assert response.status_code == 400, response.content
    assert response.json()["errors"].keys() == {"cursor"}


def test_takes_a_cursor_that_is_signed_and_right() -> None:
    # The negative control of the test above: nothing was refused there but what was wrong.
    assert Client().get("/t/buckets", {"cursor": forged()}).status_code == 200


def test_refuses_another_lists_cursor() -> None:
    fill(3)
    cursor = DESCENDING.page(Throttle.objects.all(), limit=1).next
    for other in (Keyset("empty_at", "id"), Keyset("-id"), Keyset("-id", "-empty_at")):
        with pytest.raises(ValidationFailed):
            other.page(Throttle.objects.all(), limit=1, cursor=cursor)
    with pytest.raises(ValidationFailed):
        Keyset("-created_at", "-id").page(IdempotencyRecord.objects.all(), limit=1, cursor=cursor)


@pytest.mark.parametrize("count", [1, 20])
def test_asks_one_question_however_many_rows(count: int) -> None:
    fill(count)
    cursor = DESCENDING.page(Throttle.objects.all(), limit=1).next or ""
    for query in ("", f"&cursor={cursor}" if cursor else ""):
        with CaptureQueriesContext(connection) as queries:
            Client().get(f"/t/buckets?limit=10{query}")
        assert len(queries) == 1
        assert "count(" not in queries[0]["sql"].lower()


def test_finds_its_page_by_the_index() -> None:
    IdempotencyRecord.objects.bulk_create(
        IdempotencyRecord(caller="c", key=str(n), request_hash="", route="", status=200, body="") for n in range(2000)
    )
    order = Keyset("caller", "key")
    rows = IdempotencyRecord.objects.all()
    page = order.page(rows, limit=5)
    with CaptureQueriesContext(connection) as queries:
        order.page(rows, limit=5, cursor=page.next)
    sql = queries[0]["sql"]
    assert '("core_idempotencyrecord"."caller", "core_idempotencyrecord"."key") > (' in sql
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE core_idempotencyrecord")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Cond: (ROW(" in plan, plan
    assert "Sort" not in plan, plan


def test_agrees_with_a_plain_list_on_random_data() -> None:
    chance = random.Random(20260131)
    Throttle.objects.bulk_create(
        Throttle(scope="r", subject=str(n), empty_at=MORNING + timedelta(seconds=chance.randrange(5)))
        for n in range(60)
    )
    everything = [row.pk for row in Throttle.objects.order_by("-empty_at", "-id")]
    place, cursor = 0, None
    page = DESCENDING.page(Throttle.objects.all(), limit=7)
    for _ in range(100):
        assert [row.pk for row in page.rows] == everything[place : place + 7]
        forward = page.next and (not page.previous or chance.random() < 0.6)
        cursor = page.next if forward else page.previous
        place = place + 7 if forward else place - 7
        page = DESCENDING.page(Throttle.objects.all(), limit=7, cursor=cursor)


class TestDeclaration:
    def test_refuses_mixed_directions(self) -> None:
        with pytest.raises(ValueError, match="ascending"):
            Keyset("-created_at", "id")

    def test_refuses_a_name_twice(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            Keyset("id", "id")

    def test_refuses_null(self) -> None:
        Throttle.objects.create(scope="", subject="", empty_at=MORNING)
        IdempotencyRecord.objects.bulk_create(
            IdempotencyRecord(caller="c", key=str(n), request_hash="", route="", body="") for n in range(2)
        )
        with pytest.raises(TypeError, match="null"):
            Keyset("status", "id").page(IdempotencyRecord.objects.all(), limit=1)

    def test_names_the_page_after_its_rows(self) -> None:
        assert paged(Bucket).__name__ == "PageOfBucket"
