"""Tariffs over HTTP: what everybody sees, and what staff do to them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from audit.models import AuditLog
from billing.models import Tariff
from billing.operations import tariffs
from billing.tests.callers import Caller, pages, staff
from billing.tests.factories import TESTER, TariffFactory
from billing.tests.snapshots import snapshot

pytestmark = pytest.mark.django_db

ROUBLES: Final = {"amount": 14_900, "currency": "RUB"}
LEAST: Final[dict[str, Any]] = {"slug": "pack-50", "name": "50 documents", "price": ROUBLES, "tokens": 50}
DEFAULTS: Final[dict[str, Any]] = {
    "description": "",
    "audience": "user",
    "price_stars": None,
    "token_validity_days": None,
    "subscription_days": 0,
    "trial_days": 0,
    "period_kind": "days",
    "period_months": 0,
    "change_policy": "queue",
    "grace_days": 3,
    "family": "",
    "limits": {},
    "sort_order": 0,
    "is_active": True,
}
WHOLE: Final[dict[str, Any]] = {
    "slug": "team",
    "name": "Для команды",
    "description": "Seats for five\nand projects for ten",
    "audience": "company",
    "price": {"amount": 99, "currency": "USD"},
    "price_stars": 70,
    "tokens": 0,
    "token_validity_days": 30,
    "subscription_days": 31,
    "trial_days": 7,
    "period_kind": "calendar_month",
    "period_months": 1,
    "change_policy": "convert",
    "grace_days": 5,
    "family": "teams",
    "limits": {"seats": 5, "projects": 10, "storage_mb": 1024},
    "sort_order": -3,
    "is_active": False,
}


def archived() -> Tariff:
    tariff = TariffFactory.create()
    return tariffs.archive(slug=tariff.slug, by=TESTER)


class TestLooking:
    def test_shows_what_is_on_sale_in_its_order(self) -> None:
        for slug, place in (("c", 1), ("a", 2), ("b", 1)):
            TariffFactory.create(slug=slug, sort_order=place)
        archived()
        answer = Caller("billing:read").get("tariffs")
        assert answer.status_code == 200
        assert [row["slug"] for row in answer.json()["results"]] == ["b", "c", "a"]

    def test_shows_staff_what_was_archived_as_well(self) -> None:
        tariff = archived()
        assert [row["slug"] for row in staff().get("tariffs").json()["results"]] == [tariff.slug]
        assert staff().get(f"tariffs/{tariff.slug}").json()["is_active"] is False

    def test_hides_what_was_archived_from_others(self) -> None:
        answer = Caller("billing:read").get(f"tariffs/{archived().slug}")
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.tariff_not_found")

    def test_shows_one_as_the_list_does(self) -> None:
        slug = TariffFactory.create().slug
        one = Caller("billing:read").get(f"tariffs/{slug}")
        assert one.status_code == 200
        assert pages(Caller("billing:read"), "tariffs", limit=1) == [[one.json()]]

    @pytest.mark.parametrize("slug", ["nothing", "a b", "тариф", "%00"])
    def test_does_not_find_what_is_not_there(self, slug: str) -> None:
        assert staff().get(f"tariffs/{slug}").status_code in {400, 404}


class TestSelling:
    def test_fills_in_what_is_not_said(self) -> None:
        answer = staff().post("tariffs", LEAST)
        assert answer.status_code == 201
        assert answer.json() == {**LEAST, **DEFAULTS, "version": 1}
        assert staff().get("tariffs/pack-50").json() == answer.json()

    def test_keeps_everything_that_is_said(self) -> None:
        answer = staff().post("tariffs", WHOLE)
        assert (answer.status_code, answer.json()) == (201, {**WHOLE, "version": 1})

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"slug": None}, ["slug"]),
            ({"slug": "two words"}, ["slug"]),
            ({"slug": "x" * 65}, ["slug"]),
            ({"name": ""}, ["name"]),
            ({"name": "a\x00b"}, []),
            ({"price": 14_900}, ["price"]),
            ({"price": {"amount": 0, "currency": "RUB"}}, ["price.amount"]),
            ({"price": {"amount": 149.0, "currency": "RUB"}}, ["price.amount"]),
            ({"price": {"amount": "14900", "currency": "RUB"}}, ["price.amount"]),
            ({"price": {"amount": 14_900}}, ["price.currency"]),
            ({"price": {"amount": 14_900, "currency": "rub"}}, ["price.currency"]),
            ({"price": {"amount": 14_900, "currency": "RUB", "vat": 20}}, ["price.vat"]),
            ({"price": {"amount": 100, "currency": "XTR"}}, ["price.currency"]),
            ({"price_stars": 0}, ["price_stars"]),
            ({"tokens": -1}, ["tokens"]),
            ({"tokens": True}, ["tokens"]),
            ({"tokens": 10**12 + 1}, ["tokens"]),
            ({"tokens": 0}, ["non_field_errors"]),
            ({"token_validity_days": 0}, ["token_validity_days"]),
            ({"subscription_days": 36_526}, ["subscription_days"]),
            ({"period_kind": "weeks"}, ["period_kind"]),
            ({"period_months": 1}, ["non_field_errors"]),
            ({"period_kind": "calendar_month", "period_months": 1_201}, ["period_months"]),
            ({"change_policy": "swap"}, ["change_policy"]),
            ({"grace_days": 366}, ["grace_days"]),
            ({"audience": "everybody"}, ["audience"]),
            ({"family": "Teams"}, ["family"]),
            ({"limits": [5]}, ["limits"]),
            ({"limits": {"note": "x" * 5_000}}, ["limits"]),
            ({"sort_order": 2**31}, ["sort_order"]),
            ({"is_active": "true"}, ["is_active"]),
            ({"version": 2}, ["version"]),
            ({"colour": "red", "tokens": -1}, ["colour", "tokens"]),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, change: dict[str, Any], fields: list[str]) -> None:
        caller = staff()
        body = {name: value for name, value in {**LEAST, **change}.items() if value is not None}
        before = _tariffs()

        answer = caller.post("tariffs", body)

        assert answer.status_code == 400
        assert sorted(answer.json()["errors"]) == fields
        assert all(reasons and all(reasons) for reasons in answer.json()["errors"].values())
        assert _tariffs() == before

    def test_is_on_record_with_the_key_that_did_it(self) -> None:
        staff().post("tariffs", LEAST)
        log = AuditLog.objects.get(action="billing.tariff.created")
        assert log.actor["kind"] == "api_key"
        assert log.new_value is not None
        assert log.new_value["price"] == 14_900


class TestChanging:
    def test_changes_what_is_said_and_counts_the_version(self) -> None:
        made = staff().post("tariffs", LEAST).json()
        dearer = {"amount": 17_900, "currency": "RUB"}

        answer = staff().patch("tariffs/pack-50", {"price": dearer, "version": 1})

        assert (answer.status_code, answer.json()) == (200, {**made, "price": dearer, "version": 2})
        log = AuditLog.objects.get(action="billing.tariff.updated")
        assert (log.old_value, log.new_value) == (
            {"price": 14_900, "version": 1},
            {"price": 17_900, "version": 2},
        )

    def test_takes_everything_but_the_slug(self) -> None:
        staff().post("tariffs", {**LEAST, "slug": "team"})
        answer = staff().patch("tariffs/team", {**{k: v for k, v in WHOLE.items() if k != "slug"}, "version": 1})
        assert (answer.status_code, answer.json()) == (200, {**WHOLE, "version": 2})

    def test_brings_an_archived_one_back(self) -> None:
        tariff = archived()
        answer = staff().patch(f"tariffs/{tariff.slug}", {"is_active": True, "version": tariff.version})
        assert (answer.status_code, answer.json()["is_active"]) == (200, True)

    @pytest.mark.django_db(transaction=True)
    def test_tells_the_second_editor_that_somebody_was_faster(self) -> None:
        caller = staff()
        caller.post("tariffs", LEAST)
        first = caller.patch("tariffs/pack-50", {"name": "First", "version": 1})
        second = caller.patch("tariffs/pack-50", {"name": "Second", "version": 1})
        assert first.status_code == 200
        assert (second.status_code, second.json()["code"]) == (409, "billing.tariff_changed")
        assert (second.json()["version"], second.json()["seen"]) == (2, 1)
        assert caller.get("tariffs/pack-50").json()["name"] == "First"

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "version"), ({"version": 0}, "version"), ({"version": 1, "slug": "other"}, "slug")],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, body: dict[str, Any], field: str) -> None:
        answer = staff().patch(f"tariffs/{TariffFactory.create().slug}", body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])

    @pytest.mark.django_db(transaction=True)
    def test_never_leaves_a_tariff_that_sells_nothing(self) -> None:
        slug, caller = TariffFactory.create(tokens=50).slug, staff()
        before = _tariffs()
        assert caller.patch(f"tariffs/{slug}", {"tokens": 0, "version": 1}).status_code == 400
        assert _tariffs() == before

    @pytest.mark.django_db(transaction=True)
    def test_does_not_find_strangers(self) -> None:
        answer = staff().patch("tariffs/nothing", {"version": 1})
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.tariff_not_found")


class TestArchiving:
    def test_takes_it_off_sale_and_keeps_it(self) -> None:
        tariff = TariffFactory.create()

        answers = [staff().delete(f"tariffs/{tariff.slug}") for _time in range(2)]

        assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
        tariff.refresh_from_db()
        assert (tariff.is_active, tariff.version) == (False, 2)

    @pytest.mark.django_db(transaction=True)
    def test_does_not_find_strangers(self) -> None:
        answer = staff().delete("tariffs/nothing")
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.tariff_not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("post", "tariffs"), ("patch", "tariffs/pack-50"), ("delete", "tariffs/pack-50")]
)
def test_are_changed_by_staff_alone(method: str, path: str) -> None:
    TariffFactory.create(slug="pack-50")
    before = _tariffs()
    answer = Caller().send(method, path, {} if method != "delete" else None)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.permission_denied")
    assert answer.json()["required_scopes"] == ["staff"]
    assert _tariffs() == before


def _tariffs() -> list[str]:
    return snapshot()["billing_tariff"]
