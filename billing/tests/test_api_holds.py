"""Tokens set aside over HTTP, then taken or given back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.models import Hold, Wallet
from billing.operations.holds import DEFAULT_SECONDS, MAX_SECONDS
from billing.tests import deeds
from billing.tests.callers import Answer, Caller
from billing.tests.factories import HoldFactory, funded_wallet
from conftest import TestClock
from core.api.moments import as_rfc3339

pytestmark = pytest.mark.django_db


def place(wallet: Wallet, tokens: int = 10, *, key: str = "k", **more: Any) -> Answer:
    return Caller("billing:write").post("holds", {"user": str(wallet.user_id), "tokens": tokens, **more}, key=key)


def capture(hold: Hold, body: object = None, *, key: str = "c") -> Answer:
    return Caller("billing:write").post(f"holds/{hold.pk}/capture", body, key=key)


def release(hold: Hold, *, key: str = "r") -> Answer:
    return Caller("billing:write").post(f"holds/{hold.pk}/release", key=key)


class TestPlacing:
    def test_sets_tokens_aside(self) -> None:
        wallet = funded_wallet(tokens=50)

        answer = place(wallet, 10, description="Up to 10 pages", metadata={"brief": 17}, expires_in=60)

        hold = Hold.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(hold.pk),
            "user": str(wallet.user_id),
            "tokens": 10,
            "captured_tokens": 0,
            "state": "open",
            "description": "Up to 10 pages",
            "metadata": {"brief": 17},
            "expires_at": as_rfc3339(hold.created_at + timedelta(seconds=60)),
            "created_at": as_rfc3339(hold.created_at),
            "closed_at": None,
        }
        assert Caller("billing:read").get(f"holds/{hold.pk}").json() == answer.json()
        assert deeds.booked(wallet) == (50, 10, 1)

    def test_lasts_a_quarter_of_an_hour_unless_it_is_said(self) -> None:
        place(funded_wallet())
        hold = Hold.objects.get()
        assert hold.expires_at - hold.created_at == timedelta(seconds=DEFAULT_SECONDS)

    def test_keeps_charges_off(self) -> None:
        wallet = funded_wallet(tokens=10)
        place(wallet, 10)
        answer = Caller().post("charges", {"user": str(wallet.user_id), "tokens": 1}, key="k")
        assert (answer.status_code, answer.json()["available"]) == (402, 0)

    @pytest.mark.django_db(transaction=True)
    def test_refuses_more_than_is_left(self) -> None:
        wallet = funded_wallet(tokens=10)
        place(wallet, 6)
        answer = place(wallet, 5, key="another")
        assert (answer.status_code, answer.json()["code"]) == (402, "billing.insufficient_tokens")
        assert (answer.json()["required"], answer.json()["available"]) == (5, 4)
        assert deeds.booked(wallet) == (10, 6, 1)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"tokens": 0}, "tokens"),
            ({"expires_in": 0}, "expires_in"),
            ({"expires_in": MAX_SECONDS + 1}, "expires_in"),
            ({"expires_in": None}, "expires_in"),
            ({"expires_at": "2100-01-01T00:00:00Z"}, "expires_at"),
            ({"telegram_id": 7}, "user"),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, change: dict[str, Any], field: str) -> None:
        wallet = funded_wallet(tokens=10)
        answer = place(wallet, **{"tokens": 1, **change})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
        assert deeds.booked(wallet) == (10, 0, 1)


class TestCapturing:
    @pytest.mark.parametrize("body", [None, {}], ids=["no body", "an empty body"])
    def test_takes_everything_unless_it_is_said(self, body: object) -> None:
        hold = HoldFactory.create(tokens=10)
        answer = capture(hold, body)
        hold.refresh_from_db()
        assert answer.status_code == 200
        assert (answer.json()["state"], answer.json()["captured_tokens"]) == ("captured", 10)
        assert answer.json()["closed_at"] == as_rfc3339(hold.closed_at or hold.created_at)
        assert deeds.ledger(hold.wallet)[-1] == ("capture", -10, 90)

    def test_takes_a_part_and_gives_the_rest_back(self) -> None:
        hold = HoldFactory.create(tokens=10)
        assert capture(hold, {"tokens": 7}).json()["captured_tokens"] == 7
        assert deeds.booked(hold.wallet) == (93, 0, 2)

    @pytest.mark.parametrize(
        ("body", "field"), [({"tokens": 0}, "tokens"), ({"tokens": None}, "tokens"), ({"all": True}, "all")], ids=str
    )
    def test_names_the_field_that_is_wrong(self, body: dict[str, Any], field: str) -> None:
        hold = HoldFactory.create()
        answer = capture(hold, body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
        assert deeds.booked(hold.wallet)[1] == 10

    @pytest.mark.django_db(transaction=True)
    def test_happens_once(self) -> None:
        hold = HoldFactory.create(tokens=10)
        caller, path = Caller("billing:write"), f"holds/{hold.pk}/capture"
        first, twin, another = (caller.post(path, key=key) for key in ("c", "c", "another"))
        assert (twin.status_code, twin.content, twin["Idempotency-Replayed"]) == (200, first.content, "true")
        assert (another.status_code, another.json()["code"]) == (409, "billing.hold_closed")
        assert another.json()["state"] == "captured"
        assert deeds.booked(hold.wallet) == (90, 0, 2)

    @pytest.mark.django_db(transaction=True)
    def test_comes_too_late_after_the_hold_has_run_out(self, clock: TestClock) -> None:
        hold = HoldFactory.create(tokens=10, expires_in=60)
        clock.advance(seconds=61)
        answer = capture(hold)
        assert (answer.status_code, answer.json()["code"]) == (409, "billing.hold_closed")
        assert deeds.ledger(hold.wallet) == [("grant", 100, 100)]


class TestReleasing:
    def test_gives_everything_back_however_often_it_is_asked(self) -> None:
        hold = HoldFactory.create()
        answers = [release(hold), release(hold), release(hold, key="another")]
        assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "released")] * 3
        assert answers[2].json() == answers[0].json()
        assert deeds.booked(hold.wallet) == (100, 0, 1)

    @pytest.mark.django_db(transaction=True)
    def test_and_capturing_exclude_each_other(self) -> None:
        captured, released = HoldFactory.create(), HoldFactory.create()
        capture(captured)
        release(released)
        for answer in (release(captured), capture(released, key="c2")):
            assert (answer.status_code, answer.json()["code"]) == (409, "billing.hold_closed")

    def test_takes_no_body(self) -> None:
        answer = Caller().post(f"holds/{HoldFactory.create().pk}/release", {"tokens": 5}, key="k")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["tokens"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "step"), [("get", ""), ("post", "/capture"), ("post", "/release")])
def test_strangers_are_not_found(method: str, step: str) -> None:
    answer = Caller().send(method, f"holds/{uuid4()}{step}", key="k")
    assert (answer.status_code, answer.json()["code"]) == (404, "billing.hold_not_found")


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("post", "holds", ["billing:write"]),
        ("get", "holds/{id}", ["billing:read", "staff"]),
        ("post", "holds/{id}/capture", ["billing:write"]),
        ("post", "holds/{id}/release", ["billing:write"]),
    ],
)
def test_each_route_has_its_right(method: str, path: str, right: list[str]) -> None:
    path = path.format(id=HoldFactory.create().pk)
    answer = Caller("payments:write").send(method, path, key="k")
    assert (answer.status_code, answer.json()["required_scopes"]) == (403, right)
