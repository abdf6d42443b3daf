"""People over HTTP: registered by their Telegram id, found, listed, changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api.authentication import forget_answers
from accounts.models import User
from accounts.operations import users
from accounts.tests.factories import UserFactory, api_key_header
from audit.models import AuditLog
from core.actors import SYSTEM
from core.api.moments import as_rfc3339

pytestmark = pytest.mark.django_db

# Django's answers in tests have more than their class says.
Answer = Any


@pytest.fixture
def bot() -> Client:
    """A bot's server, which may read and write customers."""
    return Client(headers=api_key_header("users:read", "users:write"))


def put(bot: Client, telegram_id: int | str | None, **body: Any) -> Answer:
    return bot.put(f"/api/v1/users/by-telegram/{telegram_id}", body, content_type="application/json")


def patch(bot: Client, user_id: UUID, **body: Any) -> Answer:
    return bot.patch(f"/api/v1/users/{user_id}", body, content_type="application/json")


def everybody() -> list[dict[str, Any]]:
    return [dict(row) for row in User.objects.order_by("pk").values()]


class TestRegistering:
    def test_answers_201_with_the_new_person(self, bot: Client) -> None:
        answer = put(bot, 7, username="anna", first_name="Anna", last_name="Lee", language_code="ru", is_premium=True)

        user = User.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(user.pk),
            "telegram_id": 7,
            "username": "anna",
            "first_name": "Anna",
            "last_name": "Lee",
            "language_code": "ru",
            "is_premium": True,
            "referral_code": user.referral_code,
            "referred_by": None,
            "token_balance": 0,
            "balance_version": 0,
            "subscription_end": None,
            "created_at": as_rfc3339(user.created_at),
            "updated_at": as_rfc3339(user.updated_at),
        }

    def test_needs_nothing_but_the_id(self, bot: Client) -> None:
        answer = put(bot, 7)
        assert (answer.status_code, answer.json()["first_name"], answer.json()["is_premium"]) == (201, "", False)

    def test_answers_200_with_the_same_person_and_their_new_names(self, bot: Client) -> None:
        first = put(bot, 7, username="anna", first_name="Anna", last_name="Lee").json()

        answer = put(bot, 7, username="ann", first_name="Ann")

        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["id"], changed["username"], changed["first_name"]) == (first["id"], "ann", "Ann")
        assert changed["last_name"] == "Lee", "what is not told stays"

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_hears_that_there_is_no_name_any_more(self, bot: Client, nothing: str | None) -> None:
        put(bot, 7, username="anna")
        assert put(bot, 7, username=nothing).json()["username"] == ""

    def test_binds_the_referrer_on_201_only(self, bot: Client) -> None:
        one, other = UserFactory.create(), UserFactory.create()

        new = put(bot, 7, referral_code=one.referral_code.lower())
        known = put(bot, 7, referral_code=other.referral_code)
        before = put(bot, one.telegram_id, referral_code=other.referral_code)

        assert (new.status_code, new.json()["referred_by"]) == (201, str(one.pk))
        assert (known.status_code, known.json()["referred_by"]) == (200, str(one.pk))
        assert (before.status_code, before.json()["referred_by"]) == (200, None)

    @pytest.mark.django_db(transaction=True)
    def test_refuses_a_referral_code_that_nobody_has(self, bot: Client) -> None:
        answer = put(bot, 7, referral_code="NOBODYS")

        assert (answer.status_code, answer.json()["code"]) == (400, "accounts.referral_code_unknown")
        assert everybody() == []

    def test_does_not_hear_a_code_from_those_whom_it_knows(self, bot: Client) -> None:
        put(bot, 7)
        assert put(bot, 7, referral_code="NOBODYS").status_code == 200

    @pytest.mark.parametrize("telegram_id", ["0", "-7", "07", "7.0", "anna", str(2**63), "9" * 30, "٧"])
    def test_refuses_an_id_that_telegram_does_not_give(self, bot: Client, telegram_id: str) -> None:
        answer = put(bot, telegram_id)
        assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
        assert list(answer.json()["errors"]) == ["telegram_id"]

    def test_knows_the_greatest_id(self, bot: Client) -> None:
        assert put(bot, 2**63 - 1).status_code == 201

    def test_puts_the_bot_into_the_audit_log(self, bot: Client) -> None:
        user_id = put(bot, 7).json()["id"]
        log = AuditLog.objects.get(action="accounts.user.created", entity_id=user_id)
        assert (log.actor["kind"], log.metadata["door"]) == ("api_key", "api")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"username": "x" * 65}, "username"),
    ({"first_name": 7}, "first_name"),
    ({"first_name": "a\x07"}, "first_name"),
    ({"language_code": "x" * 17}, "language_code"),
    ({"is_premium": "yes"}, "is_premium"),
    ({"is_staff": True}, "is_staff"),
    ({"token_balance": 1000}, "token_balance"),
]


class TestWrongValues:
    @pytest.mark.parametrize(("body", "field"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
    def test_are_named_and_change_nothing(self, bot: Client, body: dict[str, Any], field: str) -> None:
        user = UserFactory.create()
        before = everybody()

        answers = [put(bot, 7, **body), put(bot, user.telegram_id, **body), patch(bot, user.pk, **body)]

        assert [answer.status_code for answer in answers] == [400, 400, 400]
        assert [list(answer.json()["errors"]) for answer in answers] == [[field]] * 3
        assert everybody() == before

    @pytest.mark.parametrize("body", ["[]", "null", '"anna"', "{", '{"username": "a", "username": "b"}'])
    def test_are_refused_as_a_whole(self, bot: Client, body: str) -> None:
        answer = bot.put("/api/v1/users/by-telegram/7", body, content_type="application/json")
        assert answer.status_code == 400
        assert everybody() == []


class TestChanging:
    def test_changes_what_is_told_and_leaves_the_rest(self, bot: Client) -> None:
        user = UserFactory.create(username="anna", first_name="Anna", last_name="Lee", is_premium=True)

        answer = patch(bot, user.pk, first_name="Ann", last_name=None)

        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["username"], changed["first_name"], changed["last_name"]) == ("anna", "Ann", "")
        assert changed["is_premium"] is True
        user.refresh_from_db()
        assert (user.first_name, user.last_name) == ("Ann", "")

    @pytest.mark.parametrize("field", ["telegram_id", "referral_code", "referred_by", "id", "subscription_end"])
    def test_never_changes_what_is_given_once(self, bot: Client, field: str) -> None:
        user = UserFactory.create()
        before = everybody()
        answer = patch(bot, user.pk, **{field: 1})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
        assert everybody() == before

    def test_refuses_to_name_the_forgotten(self, bot: Client) -> None:
        user = users.anonymise(user_id=UserFactory.create().pk, by=SYSTEM, reason="asked for it")
        answer = patch(bot, user.pk, first_name="Anna")
        assert (answer.status_code, answer.json()["code"]) == (409, "accounts.user_anonymised")

    @pytest.mark.parametrize("method", ["get", "patch"])
    def test_does_not_find_strangers(self, bot: Client, method: str) -> None:
        answer = getattr(bot, method)(f"/api/v1/users/{uuid4()}", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "accounts.user_not_found")

    @pytest.mark.parametrize("method", ["get", "patch"])
    def test_does_not_find_what_is_no_id(self, bot: Client, method: str) -> None:
        answer = getattr(bot, method)("/api/v1/users/anna", content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "common.not_found")


class TestReading:
    def test_shows_one_person_as_the_list_does(self, bot: Client) -> None:
        user = UserFactory.create()
        one = bot.get(f"/api/v1/users/{user.pk}")
        assert one.status_code == 200
        assert bot.get("/api/v1/users").json() == {"results": [one.json()], "next": None, "previous": None}

    def test_lists_the_newest_first_in_pages_both_ways(self, bot: Client) -> None:
        made = [str(UserFactory.create().pk) for _number in range(7)][::-1]
        pages: list[list[str]] = []
        cursor: dict[str, str] = {}
        while True:
            page = bot.get("/api/v1/users", {"limit": "3", **cursor}).json()
            pages.append([row["id"] for row in page["results"]])
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        back = bot.get("/api/v1/users", {"limit": "3", "cursor": page["previous"]}).json()

        assert pages == [made[:3], made[3:6], made[6:]]
        assert [row["id"] for row in back["results"]] == pages[1]

    @pytest.mark.parametrize("search", ["ann", "@ANN", "7000", "{pk}"])
    def test_finds_by_the_beginning_of_a_name_and_by_ids(self, bot: Client, search: str) -> None:
        anna = UserFactory.create(username="Anna", telegram_id=7000)
        UserFactory.create(username="joanna", telegram_id=17000)
        found = bot.get("/api/v1/users", {"search": search.format(pk=anna.pk)}).json()["results"]
        assert [row["id"] for row in found] == [str(anna.pk)]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("telegram_id=7", "telegram_id"),
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=forged", "cursor"),
            ("search=", "search"),
            ("search=" + "x" * 101, "search"),
        ],
    )
    def test_names_the_parameter_that_is_wrong(self, bot: Client, query: str, field: str) -> None:
        answer = bot.get(f"/api/v1/users?{query}")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])

    def test_costs_as_many_queries_with_20_people_as_with_one(self, bot: Client) -> None:
        UserFactory.create()
        bot.get("/api/v1/users")
        # Who calls is asked in both cases or in neither.
        forget_answers()
        with CaptureQueriesContext(connection) as with_one:
            bot.get("/api/v1/users")
        UserFactory.create_batch(19)
        forget_answers()
        with CaptureQueriesContext(connection) as with_twenty:
            answer = bot.get("/api/v1/users")

        assert len(answer.json()["results"]) == 20
        assert len(with_twenty) == len(with_one)
        assert not [query for query in with_twenty.captured_queries if "COUNT(" in query["sql"].upper()]


ROUTES: list[tuple[str, str, str]] = [
    ("put", "/api/v1/users/by-telegram/7", "users:write"),
    ("get", "/api/v1/users", "users:read"),
    ("get", "/api/v1/users/{user}", "users:read"),
    ("patch", "/api/v1/users/{user}", "users:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
class TestRights:
    def test_are_one_scope_each(self, method: str, path: str, scope: str) -> None:
        url = path.format(user=UserFactory.create().pk)
        other = next(each for each in ("users:read", "users:write") if each != scope)

        def ask(*scopes: str) -> Answer:
            return getattr(Client(headers=api_key_header(*scopes)), method)(url, content_type="application/json")

        assert ask(scope).status_code < 300
        refused = ask(other, "billing:write", "staff")
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.permission_denied")
        assert refused.json()["required_scopes"] == [scope]

    def test_are_nobodys_without_a_key(self, method: str, path: str, scope: str) -> None:
        answer = getattr(Client(), method)(path.format(user=uuid4()), content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.token_missing")


def test_a_person_has_names_in_any_script(bot: Client) -> None:
    told = {"first_name": "Анна 👩‍🚀", "last_name": "李"}
    answer = put(bot, 7, **told)
    assert {name: answer.json()[name] for name in told} == told
    assert "Анна" in answer.content.decode(), "written as letters, not as escapes"
