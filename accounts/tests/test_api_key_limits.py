"""How often a key may ask, and how often one may show keys that do not work; with a Redis and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.api import authentication
from accounts.limits import KEYS_REFUSED_FROM_AN_ADDRESS
from accounts.rules import keys
from accounts.runtime_settings import API_KEY_REQUESTS_PER_MINUTE
from accounts.tests.factories import api_key_header
from accounts.tests.visitors import Visitor, told
from audit.models import AdminAlert
from core.models import Setting
from core.tests.buckets import PrivateRedis, fill, forget, private_redis, stopped

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/users"
LIMITED = (429, "common.rate_limited")
UNAVAILABLE = (503, "common.unavailable")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget()
    authentication.forget_answers()
    with stopped():
        yield
    forget()
    authentication.forget_answers()


def asks(header: dict[str, str]) -> int:
    return int(Client().get(URL, headers=header).status_code)


def permit(per_minute: int) -> None:
    Setting.objects.update_or_create(
        key=API_KEY_REQUESTS_PER_MINUTE.key, defaults={"value": per_minute, "updated_by": "tests"}
    )


class TestRequests:
    def test_are_limited_for_each_key_by_a_setting(self) -> None:
        permit(60)
        bot, other = api_key_header("users:read"), api_key_header("users:read")
        assert [asks(bot) for _request in range(62)] == [200] * 60 + [429] * 2
        assert asks(other) == 200

    def test_of_a_known_key_cost_no_statement(self) -> None:
        bot = api_key_header("users:read")
        asks(bot)
        with CaptureQueriesContext(connection) as captured:
            Client().get("/api/v1/tariffs", headers=bot)
        about = [query["sql"] for query in captured if "apikey" in query["sql"] or "throttle" in query["sql"]]
        assert about == []
        assert not [query for query in captured if "core_setting" in query["sql"]]

    @pytest.mark.parametrize("stored", [0, -5, "many", 59, 10**9])
    def test_follow_the_default_where_a_stored_value_does_not_fit(self, stored: object) -> None:
        Setting.objects.create(key=API_KEY_REQUESTS_PER_MINUTE.key, value=stored, updated_by="by hand")
        assert asks(api_key_header("users:read")) == 200


class TestBadKeys:
    def test_are_limited_by_address_and_good_ones_are_let_in_all_the_same(self) -> None:
        bot = api_key_header("users:read")
        fill(KEYS_REFUSED_FROM_AN_ADDRESS, "127.0.0.1", left=2)
        answers = [asks({"Authorization": f"Api-Key {keys.new()}"}) for _guess in range(3)]
        assert answers == [401, 401, 429]
        assert asks(bot) == 200
        assert AdminAlert.objects.get().fingerprint == "core.limit_reached:api_key.refused.ip"

    def test_that_are_no_keys_are_not_counted(self) -> None:
        fill(KEYS_REFUSED_FROM_AN_ADDRESS, "127.0.0.1")
        assert asks({"Authorization": "Api-Key nonsense"}) == 401


@pytest.fixture
def redis() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server


class TestWithoutItsRedis:
    """RELIABILITY F21: closed for money and for coming in, open for reading."""

    def test_a_key_goes_on_reading_and_writes_nothing(self, redis: PrivateRedis) -> None:
        bot = api_key_header("users:read", "users:write", "billing:write")
        assert asks(bot) == 200
        redis.kill()
        assert asks(bot) == 200
        client = Client(headers=bot)
        charge = client.post("/api/v1/charges", {}, content_type="application/json")
        person = client.put("/api/v1/users/by-telegram/7", {}, content_type="application/json")
        for refused in (charge, person):
            assert told(refused) == UNAVAILABLE
            assert refused.headers["Retry-After"] == "2"
        assert AdminAlert.objects.get().fingerprint == "core.limits_away:redis"

    def test_nobody_refreshes_or_comes_in_from_telegram(self, redis: PrivateRedis) -> None:
        visitor = Visitor()
        redis.kill()
        assert told(visitor.refreshes(f"dvr_{'0' * 64}")) == UNAVAILABLE
        assert told(visitor.post("/api/v1/auth/telegram", {"init_data": "x"})) == UNAVAILABLE
        assert told(visitor.post("/api/v1/auth/login", {"login_token": "x"})) == UNAVAILABLE

    def test_passwords_are_counted_as_before(self, redis: PrivateRedis) -> None:
        redis.kill()
        answers = [told(Visitor().logs_in("nobody", "x")) for _guess in range(11)]
        assert answers == [(401, "auth.login_refused")] * 10 + [LIMITED]

    def test_all_is_well_again_when_it_is_back(self, redis: PrivateRedis) -> None:
        bot = api_key_header("users:write")
        redis.kill()
        client = Client(headers=bot)
        assert client.put("/api/v1/users/by-telegram/7").status_code == 503
        redis.start()
        forget()
        assert client.put("/api/v1/users/by-telegram/7").status_code == 201
