"""Promo codes over HTTP: what staff do to them, and what customers' servers learn of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from billing.models import PromoCode
from billing.runtime_settings import PROMO_CODE_TRIES_PER_HOUR
from billing.tests.callers import Caller, staff
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory
from billing.tests.snapshots import snapshot
from core import clock as database_clock
from core import runtime_settings
from core.api.moments import as_rfc3339
from core.operations import settings

pytestmark = pytest.mark.django_db

LEAST: Final[dict[str, Any]] = {"code": "Welcome-33", "discount_type": "percent", "discount_value": 33}
DEFAULTS: Final[dict[str, Any]] = {
    "currency": None,
    "max_uses": None,
    "max_uses_per_wallet": 1,
    "uses_count": 0,
    "valid_from": None,
    "valid_until": None,
    "tariff": None,
    "is_active": True,
}


class TestMaking:
    def test_fills_in_what_is_not_said(self) -> None:
        answer = staff().post("promo-codes", LEAST)
        assert answer.status_code == 201
        assert answer.json() == {**LEAST, **DEFAULTS, "code": "WELCOME-33"}

    def test_keeps_everything_that_is_said(self) -> None:
        body = {
            "code": "MINUS100",
            "discount_type": "fixed",
            "discount_value": 10_000,
            "currency": "RUB",
            "max_uses": 10,
            "max_uses_per_wallet": 2,
            "valid_from": "2026-01-31T12:00:00Z",
            "valid_until": "2026-12-31T21:00:00.250000Z",
            "tariff": TariffFactory.create().slug,
            "is_active": False,
        }
        answer = staff().post("promo-codes", body)
        assert (answer.status_code, answer.json()) == (201, {**body, "uses_count": 0})

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"code": ""}, ["code"]),
            ({"code": "two words"}, ["code"]),
            ({"code": "x" * 65}, ["code"]),
            ({"discount_type": "gift"}, ["discount_type"]),
            ({"discount_value": 0}, ["discount_value"]),
            ({"discount_value": 101}, ["non_field_errors"]),
            ({"discount_value": 33.5}, ["discount_value"]),
            ({"currency": "RUB"}, ["non_field_errors"]),
            ({"discount_type": "fixed"}, ["non_field_errors"]),
            ({"discount_type": "fixed", "currency": "GBP"}, ["currency"]),
            ({"max_uses": 0}, ["max_uses"]),
            ({"max_uses_per_wallet": None}, ["max_uses_per_wallet"]),
            ({"valid_from": "2026-01-31"}, ["valid_from"]),
            ({"valid_until": "2026-01-31T12:00:00"}, ["valid_until"]),
            (
                {"valid_from": "2026-01-31T12:00:00Z", "valid_until": "2026-01-31T12:00:00Z"},
                ["non_field_errors"],
            ),
            ({"uses_count": 5}, ["uses_count"]),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, change: dict[str, Any], fields: list[str]) -> None:
        caller = staff()
        answer = caller.post("promo-codes", {**LEAST, **change})
        assert answer.status_code == 400
        assert sorted(answer.json()["errors"]) == fields
        assert snapshot()["billing_promocode"] == []

    @pytest.mark.django_db(transaction=True)
    def test_knows_the_tariff_that_it_is_for(self) -> None:
        answer = staff().post("promo-codes", {**LEAST, "tariff": "nothing"})
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.tariff_not_found")


SPELLINGS: Final = ["WELCOME-33", "welcome-33", "WelCome-33", "ＷＥＬＣＯＭＥ-33"]


class TestAnyLetterCase:
    @pytest.mark.parametrize("spelled", SPELLINGS)
    def test_finds_a_code(self, spelled: str) -> None:
        caller = staff()
        made = caller.post("promo-codes", LEAST).json()
        assert caller.get(f"promo-codes/{spelled}").json() == made
        assert caller.patch(f"promo-codes/{spelled}", {"max_uses": 5}).json() == {**made, "max_uses": 5}
        assert caller.delete(f"promo-codes/{spelled}").status_code == 204
        assert PromoCode.objects.get().is_active is False

    @pytest.mark.parametrize("spelled", [*SPELLINGS, " welcome-33 "])
    def test_is_heard_in_quotes_and_invoices(self, spelled: str) -> None:
        staff().post("promo-codes", LEAST)
        asked = {"user": str(WalletFactory.create().user_id), "tariff": TariffFactory.create().slug}
        quote = Caller("billing:write").post("promo-codes/quote", {**asked, "code": spelled})
        invoice = Caller("billing:write").post("invoices", {**asked, "promo_code": spelled}, key="k")
        assert (quote.status_code, invoice.status_code) == (200, 201)
        assert invoice.json()["promo_code"] == "WELCOME-33"
        assert invoice.json()["amount"] == quote.json()["amount"] == {"amount": 9_983, "currency": "RUB"}

    def test_a_code_in_cyrillic_is_as_good(self) -> None:
        staff().post("promo-codes", {**LEAST, "code": "Скидка_10"})
        assert staff().get("promo-codes/скидка_10").json()["code"] == "СКИДКА_10"


class TestChanging:
    def test_leaves_what_is_not_said(self) -> None:
        caller = staff()
        made = caller.post("promo-codes", {**LEAST, "max_uses": 5}).json()
        answer = caller.patch("promo-codes/welcome-33", {"discount_value": 10, "max_uses": None})
        assert (answer.status_code, answer.json()) == (200, {**made, "discount_value": 10, "max_uses": None})

    def test_turns_percents_into_money_and_back(self) -> None:
        caller = staff()
        made = caller.post("promo-codes", LEAST).json()
        fixed = {"discount_type": "fixed", "discount_value": 5_000, "currency": "RUB"}
        percent = {"discount_type": "percent", "discount_value": 33, "currency": None}
        assert caller.patch("promo-codes/welcome-33", fixed).json() == {**made, **fixed}
        assert caller.patch("promo-codes/welcome-33", percent).json() == made

    @pytest.mark.django_db(transaction=True)
    def test_cannot_take_back_uses_that_are_taken(self) -> None:
        code = PromoCodeFactory.create(max_uses=5)
        for _number in range(2):
            InvoiceFactory.create(promo_code=code)
        caller = staff()
        before = snapshot()["billing_promocode"]

        answer = caller.patch(f"promo-codes/{code.code}", {"max_uses": 1})

        assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
        assert snapshot()["billing_promocode"] == before
        assert caller.patch(f"promo-codes/{code.code}", {"max_uses": 2}).status_code == 200

    def test_never_renames(self) -> None:
        answer = staff().patch(f"promo-codes/{PromoCodeFactory.create().code}", {"code": "OTHER"})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["code"])

    def test_ends_a_code_and_keeps_it(self) -> None:
        code, caller = PromoCodeFactory.create(), staff()
        answers = [caller.delete(f"promo-codes/{code.code}") for _time in range(2)]
        assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
        assert caller.get(f"promo-codes/{code.code}").json()["is_active"] is False

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_does_not_find_strangers(self, method: str) -> None:
        answer = staff().send(method, "promo-codes/NOTHING", {} if method == "patch" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.promo_code_not_valid")


class TestQuotes:
    def ask(self, code: str, **tariff: Any) -> Any:
        body = {"user": str(WalletFactory.create().user_id), "tariff": TariffFactory.create(**tariff).slug}
        return Caller("billing:read").post("promo-codes/quote", {**body, "code": code})

    @pytest.mark.parametrize(
        ("code", "discount", "amount", "bonus"),
        [
            ({"discount_value": 33}, 4_917, 9_983, 0),
            ({"discount_value": 100}, 14_900, 0, 0),
            ({"discount_type": "fixed", "discount_value": 900, "currency": "RUB"}, 900, 14_000, 0),
            ({"discount_type": "fixed", "discount_value": 10**6, "currency": "RUB"}, 14_900, 0, 0),
            ({"discount_type": "bonus_tokens", "discount_value": 5}, 0, 14_900, 5),
        ],
        ids=["33 %", "100 %", "fixed", "more than the price", "bonus tokens"],
    )
    def test_tell_the_price(self, code: dict[str, Any], discount: int, amount: int, bonus: int) -> None:
        answer = self.ask(PromoCodeFactory.create(**code).code)
        assert answer.status_code == 200
        assert answer.json() == {
            "list_price": {"amount": 14_900, "currency": "RUB"},
            "discount": {"amount": discount, "currency": "RUB"},
            "amount": {"amount": amount, "currency": "RUB"},
            "bonus_tokens": bonus,
        }

    def test_reserve_nothing(self) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        for _time in range(3):
            assert self.ask(code.code).status_code == 200
        code.refresh_from_db()
        assert code.uses_count == 0

    def test_answer_alike_for_every_code_that_is_not_valid(self) -> None:
        now = database_clock.now()
        PromoCodeFactory.create(code="ENDED", valid_until=now - timedelta(seconds=1))
        PromoCodeFactory.create(code="NOTYET", valid_from=now + timedelta(hours=1))
        PromoCodeFactory.create(code="OFF", is_active=False)
        said = []
        for code in ("ENDED", "NOTYET", "OFF", "NEVER"):
            answer = self.ask(code)
            problem = answer.json()
            said.append((answer.status_code, {name: problem[name] for name in problem if name != "request_id"}))
        assert said == [said[0]] * 4
        assert (said[0][0], said[0][1]["code"]) == (404, "billing.promo_code_not_valid")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"user": "anna"}, "user"),
            ({"user": None}, "user"),
            ({"telegram_id": 7}, "user"),
            ({"tariff": ""}, "tariff"),
            ({"code": 5}, "code"),
            ({"currency": "RUB"}, "currency"),
        ],
        ids=str,
    )
    def test_name_the_field_that_is_wrong(self, body: dict[str, Any], field: str) -> None:
        right = {"user": str(WalletFactory.create().user_id), "tariff": "x", "code": "Y"}
        answer = Caller("billing:read").post("promo-codes/quote", {**right, **body})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


@pytest.fixture
def three_tries() -> Iterator[None]:
    settings.change(key=PROMO_CODE_TRIES_PER_HOUR.key, value=3, by=TESTER, reason="for a test")
    runtime_settings.forget_cached()
    yield
    runtime_settings.forget_cached()


class TestGuessing:
    @pytest.mark.usefixtures("three_tries")
    def test_is_limited_for_each_caller(self) -> None:
        guesser, other = Caller("billing:write"), Caller("billing:write")
        body = {"user": str(WalletFactory.create().user_id), "tariff": TariffFactory.create().slug}

        answers = [guesser.post("promo-codes/quote", {**body, "code": f"GUESS{n}"}) for n in range(3)]
        quote = guesser.post("promo-codes/quote", {**body, "code": PromoCodeFactory.create().code})
        invoice = guesser.post("invoices", {**body, "promo_code": "GUESS"}, key="k")

        assert [answer.status_code for answer in answers] == [404] * 3
        for refused in (quote, invoice):
            assert (refused.status_code, refused.json()["code"]) == (429, "common.rate_limited")
            assert 0 < int(refused["Retry-After"]) <= 3_600
        assert other.post("promo-codes/quote", {**body, "code": "GUESS"}).status_code == 404
        assert guesser.post("invoices", body, key="without").status_code == 201, "only codes are counted"


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "promo-codes"), ("post", "promo-codes"), ("get", "promo-codes/X"), ("patch", "promo-codes/X")],
)
def test_are_for_staff_alone(method: str, path: str) -> None:
    answer = Caller().send(method, path, None if method == "get" else {})
    assert (answer.status_code, answer.json()["required_scopes"]) == (403, ["staff"])


def test_are_listed_newest_first_as_each_is_shown() -> None:
    one, two = PromoCodeFactory.create(), PromoCodeFactory.create(valid_until=database_clock.now())
    caller = staff()
    listed = caller.get("promo-codes").json()
    assert listed == {
        "results": [caller.get(f"promo-codes/{code.code}").json() for code in (two, one)],
        "next": None,
        "previous": None,
    }
    assert listed["results"][0]["valid_until"] == as_rfc3339(two.valid_until or database_clock.now())
