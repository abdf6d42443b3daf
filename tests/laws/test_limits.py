"""
Every limit at its door: it refuses with 429 and a time to wait, in both languages, exactly; and when it cannot be
counted it is closed or open, as the registry says. ``docs/limits.md`` says what the code does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from accounts.api import authentication
from accounts.models import User
from accounts.rules import keys
from accounts.tests.factories import ADDRESS, ApiKeyFactory, StaffFactory, UserFactory, bearer_header
from accounts.tests.phones import enrolled
from audit.models import AdminAlert
from billing.tests.factories import funded_wallet
from conftest import TestClock
from core import runtime_settings
from core.errors import RateLimited
from core.limits import limits, page
from core.models import Throttle
from core.tests.buckets import fill, forget, stopped
from core.tests.operators import Operator
from core.tests.racing import race
from core.tests.test_limits import locked_table

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS: Final = 32
ALL: Final = {each.name: each for each in limits()}
# Nobody is refused for these.
WATCHED: Final = {"accounts.registrations"}

# Django's answers in tests have more than their class says.
Answer = Any


@dataclass(frozen=True)
class Door:
    """
    :param subject: who the limit takes the caller for
    :param knock: what the caller does, in a language
    """

    subject: str
    knock: Callable[[str], Answer]


def _posts(path: str, body: object, **headers: str) -> Callable[[str], Answer]:
    def knock(language: str) -> Answer:
        client = Client(REMOTE_ADDR=ADDRESS, headers={**headers, "Accept-Language": language})
        return client.post(f"/api/v1/{path}", body, content_type="application/json")

    return knock


def _login() -> Callable[[str], Answer]:
    return _posts("auth/login", {"username": "nobody", "password": "wrong"})


def _password() -> Door:
    anna = UserFactory.create()
    body = {"old": "x", "new": "purple monkey dishwasher"}
    return Door(str(anna.pk), _posts("auth/password", body, **bearer_header(anna)))


def _code() -> Door:
    olga = StaffFactory.create()
    body = {"otp": enrolled(olga).shows_not()}
    return Door(str(olga.pk), _posts("auth/otp", body, **bearer_header(olga)))


def _key(*scopes: str) -> tuple[str, dict[str, str]]:
    key = keys.new()
    row = ApiKeyFactory.create(key=key, scopes=list(scopes))
    return str(row.pk), {"Authorization": f"Api-Key {key}"}


def _promo_code() -> Door:
    key_id, header = _key("billing:write", "billing:read")
    body = {"user": str(funded_wallet().user_id), "tariff": "none", "code": "guess"}
    return Door(f"api_key:{key_id}", _posts("promo-codes/quote", body, **header))


def _trial() -> Door:
    key_id, header = _key("billing:write")
    body = {"user": str(funded_wallet().user_id), "tariff": "none"}
    return Door(f"api_key:{key_id}", _posts("trials", body, **header, **{"Idempotency-Key": "one"}))


def _requests() -> Door:
    key_id, header = _key("billing:write")
    return Door(key_id, _posts("charges", {}, **header))


def _registration() -> Door:
    key_id, header = _key("users:write")

    def knock(language: str) -> Answer:
        headers = {**header, "Accept-Language": language}
        return Client(headers=headers).put(f"/api/v1/users/by-telegram/{7_000 + User.objects.count()}")

    return Door(f"api_key:{key_id}", knock)


def _notice() -> Door:
    def knock(language: str) -> Answer:
        client = Client(REMOTE_ADDR=ADDRESS, headers={"Accept-Language": language})
        return client.post("/webhooks/yookassa", {}, content_type="application/json")

    return Door(ADDRESS, knock)


def _refused_key() -> Door:
    def knock(language: str) -> Answer:
        headers = {"Authorization": f"Api-Key {keys.new()}", "Accept-Language": language}
        return Client(REMOTE_ADDR=ADDRESS, headers=headers).get("/api/v1/users")

    return Door(ADDRESS, knock)


def _export() -> Door:
    operator = Operator()

    def knock(language: str) -> Answer:
        form = {"file_format": "csv", "reason": "The accountant asks"}
        return operator.client.post("/admin/accounts/user/export-rows/", form, headers={"Accept-Language": language})

    return Door(str(operator.user.pk), knock)


DOORS: Final[Mapping[str, Callable[[], Door]]] = {
    "accounts.registrations": _registration,
    "api_key.refused.ip": _refused_key,
    "api_key.requests": _requests,
    "auth.login.account": lambda: Door("nobody", _login()),
    "auth.login.ip": lambda: Door(ADDRESS, _login()),
    "auth.login.pair": lambda: Door(f"{ADDRESS} nobody", _login()),
    "auth.login_token.ip": lambda: Door(ADDRESS, _posts("auth/login-token", {})),
    "auth.otp.account": _code,
    "auth.password.account": _password,
    "auth.redeem.ip": lambda: Door(ADDRESS, _posts("auth/login", {"login_token": "x"})),
    "auth.refresh.ip": lambda: Door(ADDRESS, _posts("auth/refresh", {"refresh": f"dvr_{'0' * 64}"})),
    "auth.telegram.ip": lambda: Door(ADDRESS, _posts("auth/telegram", {"init_data": "x"})),
    "billing.promo_code": _promo_code,
    "billing.trial": _trial,
    "billing.unsigned_notice.ip": _notice,
    "core.export.day": _export,
    "core.export.hour": _export,
}
REFUSING: Final = sorted(set(DOORS) - WATCHED)
TITLES: Final = {"en": "Too many requests.", "ru": "Слишком много запросов."}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path) -> Iterator[None]:
    forget()
    authentication.forget_answers()
    runtime_settings.forget_cached()
    with stopped(), override_settings(EXPORTS_FOLDER=tmp_path / "exports"):
        yield
    forget()


def test_every_limit_has_a_door_here() -> None:
    assert set(DOORS) == set(ALL)


@pytest.mark.parametrize("name", REFUSING)
class TestALimit:
    def test_refuses_with_a_time_to_wait_in_both_languages(self, name: str) -> None:
        door, limit = DOORS[name](), ALL[name]
        fill(limit, door.subject)
        for language, title in TITLES.items():
            answer = door.knock(language)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= limit.seconds // limit.in_force() + 1
            if name.startswith("core.export"):
                assert f"<h1>{title}</h1>" in answer.content.decode()
            else:
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert (answer.json()["code"], answer.json()["title"]) == ("common.rate_limited", title)

    def test_is_what_refuses(self, name: str) -> None:
        """The control: the same without a full bucket."""
        assert DOORS[name]().knock("en").status_code not in {429, 503}

    def test_is_of_its_subject_alone(self, name: str) -> None:
        door = DOORS[name]()
        fill(ALL[name], "somebody else")
        assert door.knock("en").status_code not in {429, 503}


@pytest.mark.parametrize("name", [name for name in REFUSING if ALL[name].keeping != "process"])
def test_refuses_while_it_cannot_be_counted(name: str) -> None:
    door = DOORS[name]()
    with locked_table():
        answer = door.knock("en")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"


# The process's own buckets are raced in core/tests/test_limits.py, those of Redis beside it.
@pytest.mark.parametrize("name", [name for name in sorted(ALL) if ALL[name].keeping != "process"])
@pytest.mark.parametrize("left", [7, CALLERS], ids=["some", "control"])
def test_lets_exactly_what_is_left_through_at_once(name: str, left: int, clock: TestClock) -> None:
    limit = ALL[name]
    clock.stop()
    left = min(left, limit.in_force())
    fill(limit, "somebody", left=left)

    def passes() -> bool:
        try:
            limit.count("somebody")
        except RateLimited:
            return False
        return True

    assert sum(race(*[passes] * CALLERS)) == left


class TestWatching:
    def test_refuses_nobody_and_tells_the_operators(self) -> None:
        limit, door = ALL["accounts.registrations"], _registration()
        fill(limit, door.subject, left=1)
        assert door.knock("en").status_code == 201
        assert not AdminAlert.objects.exists()
        assert [door.knock("en").status_code for _each in range(3)] == [201, 201, 201]
        alert = AdminAlert.objects.get()
        assert alert.fingerprint == "core.limit_reached:accounts.registrations"
        assert alert.context["subject"] == door.subject

    def test_costs_nobody_who_was_known_an_attempt(self) -> None:
        key_id, header = _key("users:write")
        for _message in range(3):
            Client(headers=header).put("/api/v1/users/by-telegram/7")
        bucket = Throttle.objects.get(scope="accounts.registrations")
        assert bucket.subject == f"api_key:{key_id}"
        assert Throttle.objects.count() == 1

    def test_goes_on_while_it_cannot_be_counted(self) -> None:
        door = _registration()
        with locked_table():
            assert door.knock("en").status_code == 201


def test_reaching_one_that_is_worth_it_is_told_of_once() -> None:
    limit = ALL["billing.promo_code"]
    door = _promo_code()
    fill(limit, door.subject)
    for _guess in range(5):
        assert door.knock("en").status_code == 429
    alert = AdminAlert.objects.get()
    assert (alert.fingerprint, alert.count) == ("core.limit_reached:billing.promo_code", 1)


class TestThePage:
    def test_is_fresh(self) -> None:
        call_command("limits", check=True)

    def test_that_is_stale_or_missing_is_found(self, tmp_path: Path) -> None:
        written = tmp_path / "limits.md"
        assert not page.is_fresh(written)
        written.write_text(page.page().replace("300", "301", 1), "utf-8")
        assert not page.is_fresh(written)
        written.write_text(page.page(), "utf-8")
        assert page.is_fresh(written)

    def test_names_every_limit_with_what_it_does(self) -> None:
        lines = page.page().splitlines()
        for limit in limits():
            assert page.line(limit) in lines
            assert f"`{limit.name}`" in page.line(limit)
            assert str(limit.what) in page.line(limit)
