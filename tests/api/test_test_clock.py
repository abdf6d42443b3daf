"""The test clock over HTTP: it moves on, everybody ages, and it says what ran."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.tests.factories import StaffFactory, api_key_header
from billing.models import Invoice
from billing.tests.factories import InvoiceFactory
from core import clock, clock_marks
from core.database_roles import as_owner
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/test-clock/advance"
DAY = 86_400


@pytest.fixture
def staff() -> Client:
    return Client(headers=api_key_header("staff", name="Console"))


def advance(client: Client, seconds: Any) -> Any:
    return client.post(URL, {"seconds": seconds}, content_type="application/json")


def test_moves_on_and_says_what_ran(staff: Client) -> None:
    before = clock.now()
    invoice = InvoiceFactory.create()
    answer = advance(staff, 2 * DAY)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["arrived"] is True
    assert datetime.fromisoformat(said["now"]) - before >= timedelta(days=2)
    assert "billing.expire_invoices" in {each["job"] for each in said["ran"]}
    assert {each["outcome"] for each in said["ran"]} == {"done"}
    assert said["ran_in_all"] == len(said["ran"])
    invoice.refresh_from_db()
    assert invoice.status == Invoice.Status.EXPIRED


@pytest.mark.parametrize("seconds", [0, -DAY, 10**9, "soon", None])
def test_goes_neither_back_nor_too_far(staff: Client, seconds: Any) -> None:
    before = clock.now()
    answer = advance(staff, seconds)
    assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
    assert "seconds" in answer.json()["errors"]
    assert clock.now() - before < timedelta(minutes=5)


def test_one_at_a_time(staff: Client) -> None:
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('core.clock', 0))")
        refused = _from_elsewhere(staff)
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended('core.clock', 0))")
    assert (refused.status_code, refused.json()["code"]) == (409, "core.clock_is_moving")
    assert int(refused["Retry-After"]) > 0
    assert advance(staff, 60).status_code == 200


def _from_elsewhere(client: Client) -> Any:
    (answer,) = race(lambda: advance(client, DAY))
    return answer


def test_leaves_productions_database_alone(staff: Client) -> None:
    before = clock.now()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('core_clock_kind()'::regprocedure)")
        usual = cursor.fetchone()[0]
        clock_marks.mark(is_production=True)
    try:
        answer = advance(staff, DAY)
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(usual)
    assert (answer.status_code, answer.json()["code"]) == (409, "core.clock_is_fixed")
    assert clock.now() - before < timedelta(minutes=5)


class TestAdmin:
    def test_says_at_the_top_of_each_page_that_the_clock_was_moved(self, staff: Client) -> None:
        client = Client()
        client.force_login(StaffFactory.create(role="viewer"))
        headers = {"Accept-Language": "en"}
        assert "Test clock" not in client.get("/admin/", headers=headers).content.decode()
        advance(staff, 40 * DAY)
        assert "Test clock: " in client.get("/admin/", headers=headers).content.decode()
        assert "Test clock" not in Client().get("/admin/login/", headers=headers).content.decode()
