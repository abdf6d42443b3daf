"""Servers and their keys at the door of the API: who is let in, for how long, and what it costs to ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api import authentication
from accounts.models import ApiKey
from accounts.operations import api_keys, users
from accounts.rules import keys
from accounts.tests.factories import ApiKeyFactory, StaffFactory, UserFactory
from audit.models import AuditLog
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM

pytestmark = pytest.mark.django_db

URL = "/api/v1/users"


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    authentication.forget_answers()
    yield
    authentication.forget_answers()


def issue(**fields: Any) -> tuple[ApiKey, str]:
    """A key as the command issues it."""
    return api_keys.create(name="Bot", scopes=fields.pop("scopes", ["users:read"]), by=SYSTEM, **fields)


# Django's answers in tests have more than their class says.
def ask(shown: str, *, scheme: str = "Api-Key", **options: Any) -> Any:
    return Client(headers={"Authorization": f"{scheme} {shown}"}).get(URL, **options)


def refusal(shown: str, **options: Any) -> tuple[int, str]:
    answer = ask(shown, **options)
    return answer.status_code, answer.json().get("code", "")


INVALID = (401, "auth.token_invalid")


class TestShowingAKey:
    @pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "API-KEY"])
    def test_lets_its_owner_in(self, scheme: str) -> None:
        _row, shown = issue()
        assert ask(shown, scheme=scheme).status_code == 200

    def test_challenges_those_who_show_nothing(self) -> None:
        answer = Client().get(URL)
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_missing")
        assert answer["WWW-Authenticate"].startswith("Api-Key ")
        assert answer["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("shown", ["", "x", "dvk_", "dvk_000000000000_" + "0" * 64, "ключ"])
    def test_refuses_what_is_no_key_of_ours(self, shown: str) -> None:
        assert refusal(shown) == INVALID

    def test_refuses_a_right_prefix_with_a_wrong_secret(self) -> None:
        row, shown = issue()
        other = keys.new()
        assert refusal(f"dvk_{row.prefix}_{other.secret}") == INVALID
        assert ask(shown).status_code == 200, "and the owner is not kept out by it"

    @pytest.mark.parametrize(
        ("scheme", "code"),
        [("Bearer", "auth.token_invalid"), ("Basic", "auth.token_missing"), ("Token", "auth.token_missing")],
    )
    def test_needs_its_own_scheme(self, scheme: str, code: str) -> None:
        _row, shown = issue()
        assert refusal(shown, scheme=scheme) == (401, code)

    def test_tells_which_scope_is_missing(self) -> None:
        _row, shown = issue(scopes=["billing:read", "staff"])
        answer = ask(shown)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.permission_denied")
        assert answer.json()["required_scopes"] == ["users:read"]

    def test_is_refused_from_elsewhere(self) -> None:
        _row, shown = issue(allowed_networks=["192.0.2.0/24"])
        assert ask(shown, REMOTE_ADDR="192.0.2.7").status_code == 200
        assert refusal(shown, REMOTE_ADDR="198.51.100.7") == (403, "accounts.api_key_elsewhere")


class TestAKeyThatEnds:
    def test_is_refused_within_a_second_of_its_revocation(self) -> None:
        row, shown = issue()
        assert ask(shown).status_code == 200
        api_keys.revoke(key_id=row.pk, by=SYSTEM, reason="leaked")
        end = time.monotonic() + 1.0

        asked_at = time.monotonic()
        while ask(shown).status_code == 200:
            assert asked_at < end, "still let in"
            asked_at = time.monotonic()

        assert refusal(shown) == INVALID

    def test_is_refused_at_once_where_nobody_has_seen_it(self) -> None:
        row, shown = issue()
        api_keys.revoke(key_id=row.pk, by=SYSTEM, reason="leaked")
        assert refusal(shown) == INVALID

    def test_is_refused_when_its_time_is_over(self, clock: TestClock) -> None:
        _row, shown = issue(expires_in=timedelta(hours=1))
        clock.advance(minutes=59)
        assert ask(shown).status_code == 200
        authentication.forget_answers()
        clock.advance(minutes=2)
        assert refusal(shown) == INVALID

    # Inside one transaction the database's clock would stand still.
    @pytest.mark.django_db(transaction=True)
    def test_is_not_believed_past_its_own_end(self) -> None:
        _row, shown = issue(expires_in=timedelta(milliseconds=200))
        end = time.monotonic() + 0.2

        asked_at = time.monotonic()
        while ask(shown).status_code == 200:
            assert asked_at < end, "still let in"
            asked_at = time.monotonic()

        assert refusal(shown) == INVALID

    def test_ends_with_its_owner(self) -> None:
        owner = StaffFactory.create()
        _row, shown = issue(owner_id=owner.pk)
        assert ask(shown).status_code == 200
        users.set_active(user_id=owner.pk, is_active=False, by=SYSTEM, reason="left")
        authentication.forget_answers()
        assert refusal(shown) == INVALID

    def test_goes_on_for_the_overlap_of_its_successor(self, clock: TestClock) -> None:
        row, old = issue()
        _row, new = api_keys.rotate(key_id=row.pk, overlap=timedelta(hours=1), by=SYSTEM)
        assert [ask(shown).status_code for shown in (old, new)] == [200, 200]
        authentication.forget_answers()
        clock.advance(hours=2)
        assert [ask(shown).status_code for shown in (old, new)] == [401, 200]


class TestUse:
    def test_is_noted(self) -> None:
        row, shown = issue()
        assert row.last_used_at is None
        ask(shown)
        row.refresh_from_db()
        assert row.last_used_at is not None
        assert abs(row.last_used_at - database_clock.now()) < timedelta(seconds=10)

    def test_is_noted_once_a_minute(self, clock: TestClock) -> None:
        row, shown = issue()
        ask(shown)
        row.refresh_from_db()
        first = row.last_used_at
        assert first is not None

        clock.advance(seconds=50)
        authentication.forget_answers()
        ask(shown)
        row.refresh_from_db()
        assert row.last_used_at == first

        clock.advance(seconds=20)
        authentication.forget_answers()
        ask(shown)
        row.refresh_from_db()
        assert row.last_used_at is not None
        assert row.last_used_at > first

    def test_of_a_refused_key_is_not_noted(self) -> None:
        row, _shown = issue()
        refusal(f"dvk_{row.prefix}_{keys.new().secret}")
        row.refresh_from_db()
        assert row.last_used_at is None


class TestTheCost:
    def test_is_one_query_in_a_second_and_one_update_in_a_minute(self) -> None:
        _row, shown = issue()
        with CaptureQueriesContext(connection) as first:
            ask(shown)
        with CaptureQueriesContext(connection) as second:
            ask(shown)

        about_keys = [
            [query["sql"].split()[0] for query in captured if "accounts_apikey" in query["sql"]]
            for captured in (first.captured_queries, second.captured_queries)
        ]
        assert about_keys == [["SELECT", "UPDATE"], []]

    def test_of_something_that_is_no_key_is_nothing(self) -> None:
        with CaptureQueriesContext(connection) as captured:
            assert refusal("dvk_nonsense") == INVALID
        assert len(captured) == 0

    def test_of_a_wrong_key_is_one_query_each_time(self) -> None:
        wrong = str(keys.new())
        for _attempt in range(2):
            with CaptureQueriesContext(connection) as captured:
                assert refusal(wrong) == INVALID
            assert len(captured) == 1


def test_the_database_does_not_hold_a_key() -> None:
    row, shown = issue()
    secret = shown.rpartition("_")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM accounts_apikey t WHERE id = %s", [row.pk])
        (stored,) = cursor.fetchone()
    assert row.prefix in stored
    assert secret not in stored
    assert secret.encode().hex() not in stored


def test_a_key_of_an_owner_acts_in_their_name() -> None:
    owner = UserFactory.create()
    key = keys.new()
    ApiKeyFactory.create(key=key, owner=owner, scopes=["users:write"])

    made = Client(headers={"Authorization": f"Api-Key {key}"}).put("/api/v1/users/by-telegram/7").json()

    log = AuditLog.objects.get(action="accounts.user.created", entity_id=made["id"])
    assert (log.user_id, log.actor["kind"]) == (owner.pk, "api_key")
