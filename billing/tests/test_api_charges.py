"""Taking tokens and giving them over HTTP, one by one and many at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.people import actor_of
from accounts.tests.factories import StaffFactory
from audit.models import AuditLog
from billing.models import CreditRequest, Transaction, Wallet
from billing.operations import credit_requests
from billing.tests import deeds
from billing.tests.callers import Answer, Caller
from billing.tests.factories import WalletFactory, funded_wallet
from conftest import TestClock
from core import clock as database_clock
from core.api.moments import as_rfc3339

pytestmark = pytest.mark.django_db


def charge(wallet: Wallet, tokens: int = 1, *, key: str = "k", **more: Any) -> Answer:
    return Caller("billing:write").post("charges", {"user": str(wallet.user_id), "tokens": tokens, **more}, key=key)


def item(wallet: Wallet, tokens: int, key: str, **more: Any) -> dict[str, Any]:
    return {"user": str(wallet.user_id), "tokens": tokens, "idempotency_key": key, **more}


def batch(*items: object) -> Answer:
    return Caller("billing:write").post("charges/batch", {"charges": list(items)})


class TestCharging:
    def test_answers_with_the_ledger_row(self) -> None:
        wallet = funded_wallet(tokens=50)

        answer = charge(wallet, 3, description="Бриф, 3 pages", metadata={"brief": 17, "тема": ["a", None]})

        row = Transaction.objects.get(type="charge")
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(row.pk),
            "sequence": 2,
            "type": "charge",
            "tokens_delta": -3,
            "balance_after": 47,
            "description": "Бриф, 3 pages",
            "invoice": None,
            "hold": None,
            "reverses": None,
            "expires_at": None,
            "metadata": {"brief": 17, "тема": ["a", None]},
            "created_at": as_rfc3339(row.created_at),
        }
        assert row.actor["kind"] == "api_key"
        assert Caller("billing:read").get(f"users/{wallet.user_id}/transactions").json()["results"][0] == answer.json()

    def test_is_the_same_by_telegram_id(self) -> None:
        wallet = funded_wallet(tokens=5)
        assert wallet.user is not None
        answer = Caller().post("charges", {"telegram_id": wallet.user.telegram_id, "tokens": 2}, key="k")
        assert (answer.status_code, answer.json()["balance_after"]) == (201, 3)
        assert charge(wallet, 2)["Idempotency-Replayed"] == "true", "one customer by two names"

    def test_a_replay_of_the_last_charge_of_a_spent_wallet_is_the_first_answer(self) -> None:
        wallet = funded_wallet(tokens=5)
        first = charge(wallet, 5)
        for again in (charge(wallet, 5), charge(wallet, 5)):
            assert (again.status_code, again.content) == (201, first.content)
            assert again["Idempotency-Replayed"] == "true"
        refused = charge(wallet, 5, key="another")
        assert (refused.status_code, refused.json()["code"]) == (402, "billing.insufficient_tokens")
        assert deeds.booked(wallet) == (0, 0, 2)

    @pytest.mark.parametrize(
        "other",
        [{"tokens": 2}, {"description": "x"}, {"metadata": {"a": 1}}],
        ids=["tokens", "description", "metadata"],
    )
    def test_the_same_key_with_another_body_is_422(self, other: dict[str, Any]) -> None:
        wallet = funded_wallet(tokens=5)
        charge(wallet)
        answer = charge(wallet, **{"tokens": 1, **other})
        assert (answer.status_code, answer.json()["code"]) == (422, "billing.idempotency_mismatch")
        assert deeds.booked(wallet) == (4, 0, 2)

    def test_customers_have_keys_of_their_own(self) -> None:
        answers = [charge(funded_wallet(tokens=5)) for _customer in range(2)]
        assert [(answer.status_code, "Idempotency-Replayed" in answer) for answer in answers] == [(201, False)] * 2

    def test_never_spends_what_has_expired(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=5, expires_in=timedelta(hours=1))
        clock.advance(hours=2)
        refused = charge(wallet)
        assert (refused.status_code, refused.json()["available"]) == (402, 0)

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"tokens": 0}, ["tokens"]),
            ({"tokens": -1}, ["tokens"]),
            ({"tokens": 1.0}, ["tokens"]),
            ({"tokens": "1"}, ["tokens"]),
            ({"tokens": True}, ["tokens"]),
            ({"tokens": None}, ["tokens"]),
            ({"tokens": 10**12 + 1}, ["tokens"]),
            ({"user": None}, ["user"]),
            ({"telegram_id": 7}, ["user"]),
            ({"user": "anna"}, ["user"]),
            ({"description": "x" * 256}, ["description"]),
            ({"description": "a\nb"}, ["description"]),
            ({"metadata": []}, ["metadata"]),
            ({"metadata": {"x": "y" * 5_000}}, ["metadata"]),
            ({"amount": 5}, ["amount"]),
            ({"tokens": 0, "amount": 5, "user": 5}, ["amount", "tokens", "user"]),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong_and_remembers_nothing(
        self, change: dict[str, Any], fields: list[str]
    ) -> None:
        wallet = funded_wallet(tokens=5)
        right = {"user": str(wallet.user_id), "tokens": 1}
        body = {name: value for name, value in {**right, **change}.items() if value is not None}

        answer = Caller("billing:write").post("charges", body, key="k")

        assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
        assert sorted(answer.json()["errors"]) == fields
        assert deeds.booked(wallet) == (5, 0, 1)
        assert charge(wallet).status_code == 201, "the key is still free"


class TestBatches:
    def test_answer_each_charge_on_its_own_and_in_order(self) -> None:
        rich, poor = funded_wallet(tokens=10), funded_wallet(tokens=1)
        charge(rich, 2, key="before")

        answer = batch(
            item(rich, 2, "before"),
            item(rich, 3, "a", description="first", metadata={"n": 1}),
            item(poor, 5, "a"),
            item(rich, 4, "b"),
            item(rich, 9, "c"),
            item(rich, 1, "before"),
            {"telegram_id": 1, "tokens": 1, "idempotency_key": "x"},
        )

        assert answer.status_code == 200
        results = answer.json()["results"]
        assert [(one["idempotency_key"], one["status"]) for one in results] == [
            ("before", "replayed"),
            ("a", "charged"),
            ("a", "refused"),
            ("b", "charged"),
            ("c", "refused"),
            ("before", "refused"),
            ("x", "refused"),
        ]
        assert [one["error"]["code"] for one in results if "error" in one] == [
            "billing.insufficient_tokens",
            "billing.insufficient_tokens",
            "billing.idempotency_mismatch",
            "billing.wallet_not_found",
        ]
        assert (results[2]["error"]["required"], results[2]["error"]["available"]) == (5, 1)
        ledger = Caller("billing:read").get(f"users/{rich.user_id}/transactions").json()["results"]
        assert [results[3]["transaction"], results[1]["transaction"], results[0]["transaction"]] == ledger[:3]
        assert all(("transaction" in one) != ("error" in one) for one in results)

    def test_can_be_sent_again(self) -> None:
        wallet = funded_wallet(tokens=10)
        sent = [item(wallet, 1, f"k{number}") for number in range(5)]
        first, second = batch(*sent), batch(*sent)
        assert {one["status"] for one in first.json()["results"]} == {"charged"}
        assert {one["status"] for one in second.json()["results"]} == {"replayed"}
        assert deeds.booked(wallet)[0] == 5

    def test_a_key_is_one_key_in_a_batch_and_alone(self) -> None:
        wallet = funded_wallet(tokens=10)
        batch(item(wallet, 3, "k"))
        assert charge(wallet, 3)["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("items", "fields"),
        [
            ([], ["charges"]),
            ("all", ["charges"]),
            ([5], ["charges.0"]),
            ([{"tokens": 0}], ["charges.0.tokens"]),
            ([{}, {"idempotency_key": "a\tb"}], ["charges.1.idempotency_key"]),
            ([{"idempotency_key": "billing:1"}], ["charges.0.idempotency_key"]),
            ([{"idempotency_key": 5}], ["charges.0.idempotency_key"]),
            ([{"telegram_id": 7}], ["charges.0.user"]),
            ([{}, {}, {"price": 1}], ["charges.2.price"]),
        ],
        ids=str,
    )
    def test_name_the_field_that_is_wrong_and_charge_nothing(self, items: Any, fields: list[str]) -> None:
        wallet = funded_wallet(tokens=10)
        charges = (
            [item(wallet, 1, f"k{n}") | one if isinstance(one, dict) else one for n, one in enumerate(items)]
            if isinstance(items, list)
            else items
        )
        answer = Caller().post("charges/batch", {"charges": charges})
        assert (answer.status_code, sorted(answer.json()["errors"])) == (400, fields)
        assert deeds.booked(wallet) == (10, 0, 1)

    def test_take_a_thousand(self) -> None:
        wallet = funded_wallet(tokens=1_000)
        results = batch(*(item(wallet, 1, f"k{number}") for number in range(1_000))).json()["results"]
        assert {one["status"] for one in results} == {"charged"}
        assert deeds.booked(wallet) == (0, 0, 1_001)


def give(wallet: Wallet, *, key: str = "k", **change: Any) -> Answer:
    body = {"user": str(wallet.user_id), "tokens": 5, "reason": "An apology", **change}
    return Caller("grants:write").post("grants", body, key=key)


class TestGrants:
    def test_answer_with_the_ledger_row_and_keep_the_reason(self) -> None:
        wallet = WalletFactory.create()
        end = (database_clock.now() + timedelta(days=30)).replace(microsecond=0)

        answer = give(wallet, expires_at=as_rfc3339(end))

        row = Transaction.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(row.pk),
            "sequence": 1,
            "type": "grant",
            "tokens_delta": 5,
            "balance_after": 5,
            "description": "An apology",
            "invoice": None,
            "hold": None,
            "reverses": None,
            "expires_at": as_rfc3339(end),
            "metadata": {"reason": "An apology"},
            "created_at": as_rfc3339(row.created_at),
        }
        assert AuditLog.objects.get(action="billing.grant.given").metadata["reason"] == "An apology"

    def test_never_expire_unless_it_is_said(self) -> None:
        assert give(WalletFactory.create(), expires_at=None).json()["expires_at"] is None

    def test_are_given_once_for_a_key(self) -> None:
        wallet = WalletFactory.create()
        first, again = give(wallet), give(wallet)
        assert (again.status_code, again.json(), again["Idempotency-Replayed"]) == (201, first.json(), "true")
        assert deeds.ledger(wallet) == [("grant", 5, 5)]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("other", [{"tokens": 6}, {"reason": "Another"}, {"expires_at": "2100-01-01T00:00:00Z"}])
    def test_of_another_body_under_the_same_key_are_422(self, other: dict[str, Any]) -> None:
        wallet = WalletFactory.create()
        give(wallet)
        answer = give(wallet, **other)
        assert (answer.status_code, answer.json()["code"]) == (422, "billing.idempotency_mismatch")
        assert deeds.ledger(wallet) == [("grant", 5, 5)]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"reason": ""}, "reason"),
            ({"reason": "   "}, "reason"),
            ({"reason": None}, "reason"),
            ({"tokens": 0}, "tokens"),
            ({"expires_at": "tomorrow"}, "expires_at"),
            ({"type": "purchase"}, "type"),
        ],
        ids=str,
    )
    def test_name_the_field_that_is_wrong(self, change: dict[str, Any], field: str) -> None:
        wallet = WalletFactory.create()
        answer = give(wallet, **change)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
        assert deeds.ledger(wallet) == []

    def test_above_the_size_waits_for_a_colleague_and_later_is_the_credit(self) -> None:
        wallet, caller = WalletFactory.create(), Caller("grants:write")
        body = {"user": str(wallet.user_id), "tokens": 1_000_001, "reason": "Moved over"}

        first, again = (caller.post("grants", body, key="k") for _time in range(2))

        row = CreditRequest.objects.get()
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json() == {
            "id": str(row.pk),
            "user": str(wallet.user_id),
            "tokens": 1_000_001,
            "reason": "Moved over",
            "expires_at": None,
            "state": "pending",
            "refusal": "",
            "waits_until": as_rfc3339(row.expires_at),
            "created_at": as_rfc3339(row.created_at),
            "decided_at": None,
        }
        assert again.json() == first.json()
        assert again["Idempotency-Replayed"] == "true"
        assert deeds.booked(wallet) == (0, 0, 0)

        credit_requests.approve(request_id=row.pk, by=actor_of(StaffFactory.create(role="operator")))
        later = caller.post("grants", body, key="k")
        assert (later.status_code, later.json()["tokens_delta"]) == (201, 1_000_001)
        assert later["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize("scope", ["grants:write", "staff"])
    def test_are_for_those_who_may_give(self, scope: str) -> None:
        body = {"user": str(WalletFactory.create().user_id), "tokens": 5, "reason": "x"}
        assert Caller(scope).post("grants", body, key="k").status_code == 201

    def test_are_for_nobody_else(self) -> None:
        answer = Caller("billing:write", "payments:write").post("grants", {}, key="k")
        assert (answer.status_code, answer.json()["required_scopes"]) == (403, ["grants:write", "staff"])


@pytest.mark.parametrize("path", ["charges", "charges/batch"])
def test_charging_needs_its_scope(path: str) -> None:
    answer = Caller("billing:read", "staff", "grants:write").post(path, {}, key="k")
    assert (answer.status_code, answer.json()["required_scopes"]) == (403, ["billing:write"])
