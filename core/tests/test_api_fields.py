"""What goes into a serializer: exactly what is documented, or the field's name and its rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from core.api.fields import MomentField, TextField
from core.api.moments import as_rfc3339, parse_rfc3339
from core.api.renderers import render
from core.api.serializers import MoneyField
from core.money import MAX_MINOR_UNITS, Money

pytestmark = pytest.mark.urls("core.tests.api_routes")

ID = "01980f2a-3b4c-7d5e-8f90-123456789abc"

BIG = 2**63


def wrong_fields(body: dict[str, Any]) -> dict[str, list[str]]:
    response = Client().post("/t/echo", data=body, content_type="application/json")
    assert response.status_code == 400, response.content
    assert response.json()["code"] == "common.validation_error"
    errors: dict[str, list[str]] = response.json()["errors"]
    return errors


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "1"),
        ("number", 1.0),
        ("number", 1.5),
        ("number", True),
        ("number", None),
        ("number", []),
        ("number", {}),
        ("truth", "true"),
        ("truth", 1),
        ("truth", 0),
        ("truth", "on"),
        ("truth", []),
        ("truth", None),
        ("text", 1),
        ("text", True),
        ("text", ""),
        ("text", "   "),
        ("text", "eleven char"),
        ("text", "a\tb"),
        ("text", "a\nb"),
        ("text", "a\x1b[31mb"),
        ("text", "a\x7fb"),
        ("text", "a\x9bb"),
        ("text", "a\u2028b"),
        ("prose", "a\x0bb"),
        ("prose", "a\x1bb"),
        ("code", "green"),
        ("code", "RED"),
        ("code", " red"),
        ("code", 1),
        ("code", ["red"]),
        ("code", {}),
        ("id", ID.replace("-", "")),
        ("id", "{" + ID + "}"),
        ("id", "urn:uuid:" + ID),
        ("id", 1),
        ("id", -1),
        ("id", []),
        ("id", ID + "0"),
        ("id", "٣" + ID[1:]),
        ("moment", "2026-01-31T12:00:00"),
        ("moment", "2026-01-31"),
        ("moment", "2026-02-30T12:00:00Z"),
        ("moment", "2026-01-31T24:00:01Z"),
        ("moment", "2026-01-31T12:00:60Z"),
        ("moment", "1969-12-31T23:59:59Z"),
        ("moment", "0001-01-01T00:00:00+03:00"),
        ("moment", "9999-12-31T23:59:59-01:00"),
        ("moment", "10000-01-01T00:00:00Z"),
        ("moment", "٢026-01-31T12:00:00Z"),
        ("moment", 1769860800),
        ("moment", "now"),
        ("metadata", "text"),
        ("metadata", []),
        ("metadata", {"a": "ё" * 40}),
        ("price", 149),
        ("price", "149 ₽"),
        ("price", None),
    ],
)
def test_refuses_by_the_fields_name(field: str, value: object) -> None:
    assert wrong_fields({field: value}).keys() == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", BIG - 1),
        ("number", 0),
        ("truth", False),
        ("text", "ten chars!"),
        ("text", "<b>ё</b>"),
        ("prose", "a\n\tb"),
        ("code", "red"),
        ("id", ID),
        ("metadata", {"a": [None, 1.5, {"b": "ё"}]}),
        ("moment", "2026-01-31T12:00:00Z"),
        ("moment", "1970-01-01T00:00:00Z"),
        ("moment", "9999-12-31T23:59:59.999999Z"),
        ("price", {"amount": 14900, "currency": "RUB"}),
    ],
)
def test_gives_back_what_it_took(field: str, value: object) -> None:
    response = Client().post("/t/echo", data={field: value}, content_type="application/json")
    assert response.status_code == 200, response.content
    assert response.json() == {field: value}


@pytest.mark.parametrize(
    ("price", "path"),
    [
        ({"amount": 99, "currency": "RUB"}, "price.amount"),
        ({"amount": -1, "currency": "RUB"}, "price.amount"),
        ({"amount": MAX_MINOR_UNITS + 1, "currency": "RUB"}, "price.amount"),
        ({"amount": "14900", "currency": "RUB"}, "price.amount"),
        ({"amount": 149.0, "currency": "RUB"}, "price.amount"),
        ({"currency": "RUB"}, "price.amount"),
        ({"amount": 14900}, "price.currency"),
        ({"amount": 14900, "currency": "rub"}, "price.currency"),
        ({"amount": 14900, "currency": "XXX"}, "price.currency"),
        ({"amount": 14900, "currency": "RUB", "vat": 20}, "price.vat"),
    ],
)
def test_names_the_part_of_an_amount_that_is_wrong(price: dict[str, Any], path: str) -> None:
    assert wrong_fields({"price": price}).keys() == {path}


def test_names_the_place_in_a_list() -> None:
    parts = [{"tokens": 1}, {"tokens": 0}, {"tokens": 1, "note": 5}, "none", {}]
    assert wrong_fields({"parts": parts}).keys() == {
        "parts.1.tokens",
        "parts.2.note",
        "parts.3",
        "parts.4.tokens",
    }


def test_measures_a_list_before_it_looks_into_it() -> None:
    assert wrong_fields({"parts": [{}] * 6}).keys() == {"parts"}
    assert wrong_fields({"parts": {"0": {"tokens": 1}}}).keys() == {"parts"}


class TestUnknownFields:
    def test_are_refused_by_name(self) -> None:
        assert wrong_fields({"number": 1, "token_balance": 10**6, "is_staff": True}).keys() == {
            "token_balance",
            "is_staff",
        }

    def test_are_refused_beside_what_else_is_wrong(self) -> None:
        assert wrong_fields({"number": "1", "extra": 1}).keys() == {"number", "extra"}

    def test_are_refused_inside(self) -> None:
        assert wrong_fields({"parts": [{"tokens": 1, "price": 0}]}).keys() == {"parts.0.price"}

    def test_include_those_that_are_only_answered(self) -> None:
        assert wrong_fields({"made": "now"}).keys() == {"made"}

    def test_do_not_make_the_answer_long(self) -> None:
        assert {len(name) for name in wrong_fields({"x" * 10_000: 1})} == {60}

    def test_are_refused_where_no_body_is_taken(self) -> None:
        response = Client().post("/t/silent", data={"amount": 1}, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["errors"].keys() == {"amount"}

    @pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
    def test_cannot_stand_in_an_empty_body(self, content_type: str) -> None:
        assert Client().post("/t/silent", data=b"", content_type=content_type).status_code == 204
        # An empty form is no form: what is missing stays missing.
        assert Client().post("/t/echo", data=b"", content_type=content_type).json() == {}


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("number=1&number=2", "number"),
            ("number=1&number=1", "number"),
            ("order_by=password", "order_by"),
            ("user__password__startswith=a", "user__password__startswith"),
            ("number=", "number"),
            ("number=1.0", "number"),
            ("number=%D9%A3", "number"),
            ("number=+1", "number"),
            ("number=01", "number"),
            ("number=9223372036854775808", "number"),
            ("number=" + "9" * 5000, "number"),
            ("truth=1", "truth"),
            ("truth=True", "truth"),
            ("truth=", "truth"),
            ("moment=2026-01-31", "moment"),
            ("format=json", "format"),
        ],
    )
    def test_is_refused_by_the_parameters_name(self, query: str, field: str) -> None:
        response = Client().get(f"/t/echo?{query}")
        assert response.status_code == 400, response.content
        assert response.json()["errors"].keys() == {field}

    def test_is_read_by_its_types(self) -> None:
        response = Client().get("/t/echo?number=-5&truth=false&moment=2026-01-31T12:00:00%2B03:00")
        assert response.json() == {"number": -5, "truth": False, "moment": "2026-01-31T09:00:00Z"}

    def test_is_refused_on_a_post_too(self) -> None:
        response = Client().post("/t/echo?number=1", data={}, content_type="application/json")
        assert response.json()["errors"].keys() == {"number"}

    def test_takes_a_thousand_unknown_parameters_quickly(self) -> None:
        response = Client().get("/t/echo?" + "&".join(f"x{n}=1" for n in range(900)))
        assert response.status_code == 400


class TestMoments:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
            ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
            ("2026-01-31T12:00:00.5+03:00", datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)),
            ("2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ],
    )
    def test_are_read_with_any_offset(self, text: str, moment: datetime) -> None:
        assert parse_rfc3339(text) == moment

    @given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
    def test_come_back_as_they_went(self, moment: datetime) -> None:
        assert parse_rfc3339(as_rfc3339(moment)) == moment

    def test_are_written_the_same_by_fields_and_by_the_renderer(self) -> None:
        moment = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
        assert render(moment) == f'"{MomentField().to_representation(moment)}"' == '"2026-01-31T12:00:00.000005Z"'


def test_writes_money_the_same_by_field_and_by_renderer() -> None:
    price = Money(14900, "RUB")
    assert render(price) == '{"amount":14900,"currency":"RUB"}'
    assert MoneyField().to_representation(price) == {"amount": 14900, "currency": "RUB"}


def test_trims_text() -> None:
    assert TextField(max_length=3).run_validation(" abc ") == "abc"


@given(st.text())
def test_takes_or_refuses_any_text(text: str) -> None:
    try:
        taken = TextField(max_length=50, multiline=True).run_validation(text)
    except serializers.ValidationError:
        return
    taken.encode()
    assert "\x00" not in taken
