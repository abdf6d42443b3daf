"""Each POST that moves money or tokens, sent again: the first answer, and nothing moves twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from billing.tests.callers import Answer, Caller
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
)
from billing.tests.snapshots import snapshot

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Deed:
    """
    A request that moves something.

    :param other: what the same key may not be sent with
    :param status: of the first answer
    """

    path: str
    body: dict[str, Any] | None
    other: dict[str, Any] | None
    status: int = 201

    def send(self, caller: Caller, key: str | None = "k", *, other: bool = False) -> Answer:
        return caller.post(self.path, self.other if other else self.body, key=key)


def charge() -> Deed:
    body = {"user": str(funded_wallet(tokens=5).user_id), "tokens": 5}
    return Deed("charges", body, {**body, "tokens": 4})


def grant() -> Deed:
    body = {"user": str(WalletFactory.create().user_id), "tokens": 5, "reason": "An apology"}
    return Deed("grants", body, {**body, "tokens": 6})


def hold() -> Deed:
    body = {"user": str(funded_wallet(tokens=5).user_id), "tokens": 5}
    return Deed("holds", body, {**body, "tokens": 4})


def capture() -> Deed:
    return Deed(f"holds/{HoldFactory.create(tokens=10).pk}/capture", {"tokens": 7}, {"tokens": 6}, 200)


def release() -> Deed:
    # It has no body that could be another one.
    return Deed(f"holds/{HoldFactory.create().pk}/release", None, None, 200)


def invoice() -> Deed:
    body = {
        "user": str(WalletFactory.create().user_id),
        "tariff": TariffFactory.create().slug,
        "promo_code": PromoCodeFactory.create(max_uses=1).code,
    }
    return Deed("invoices", body, {**body, "promo_code": None})


def payment() -> Deed:
    made = InvoiceFactory.create()
    body = {
        "provider": "manual",
        "provider_payment_id": "receipt",
        "amount": {"amount": made.amount, "currency": "RUB"},
    }
    return Deed(f"invoices/{made.pk}/payments", body, {**body, "provider_payment_id": "another"})


DEEDS: Final[dict[str, Callable[[], Deed]]] = {
    made.__name__: made for made in (charge, grant, hold, capture, release, invoice, payment)
}


@pytest.fixture(params=sorted(DEEDS))
def deed(request: pytest.FixtureRequest) -> Deed:
    return DEEDS[request.param]()


@pytest.fixture
def caller(deed: Deed) -> Caller:
    """Made after the deed and before any snapshot."""
    caller = Caller()
    # A key's first use is noted.
    caller.get("tariffs")
    return caller


def moved() -> dict[str, list[str]]:
    """Everything but the count of attempts at promo codes."""
    return {table: rows for table, rows in snapshot().items() if table != "core_throttle"}


class TestEachDeed:
    def test_needs_a_key(self, deed: Deed, caller: Caller) -> None:
        before = moved()
        answer = deed.send(caller, None)
        assert (answer.status_code, answer.json()["code"]) == (400, "common.idempotency_key_missing")
        assert moved() == before

    @pytest.mark.parametrize("key", ["k" * 256, "billing:invoice:1"])
    def test_needs_a_key_that_is_one(self, deed: Deed, caller: Caller, key: str) -> None:
        before = moved()
        answer = deed.send(caller, key)
        assert (answer.status_code, answer.json()["code"]) == (400, "common.idempotency_key_invalid")
        assert moved() == before

    def test_gives_the_first_answer_again(self, deed: Deed, caller: Caller) -> None:
        first = deed.send(caller)
        after = moved()

        again = [deed.send(caller) for _time in range(3)]

        assert first.status_code == deed.status, first.content
        assert "Idempotency-Replayed" not in first
        for answer in again:
            assert (answer.status_code, answer.content) == (first.status_code, first.content)
            assert answer["Idempotency-Replayed"] == "true"
            assert answer["Content-Type"] == first["Content-Type"] == "application/json"
        assert moved() == after

    @pytest.mark.parametrize("deed", sorted(set(DEEDS) - {"release"}), indirect=True)
    def test_refuses_the_key_with_another_body(self, deed: Deed, caller: Caller) -> None:
        first = deed.send(caller)
        after = moved()

        answer = deed.send(caller, other=True)

        assert answer.status_code == 422
        assert answer.json()["code"] in {"billing.idempotency_mismatch", "common.idempotency_mismatch"}
        assert moved() == after
        assert deed.send(caller).content == first.content, "and the first answer stays"

    def test_remembers_nothing_of_a_body_that_is_wrong(self, deed: Deed, caller: Caller) -> None:
        before = moved()
        wrong = caller.post(deed.path, {**(deed.body or {}), "colour": "red"}, key="k")
        assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["colour"])
        assert moved() == before

        answer = deed.send(caller)

        assert (answer.status_code, "Idempotency-Replayed" in answer) == (deed.status, False)


def test_a_refused_charge_succeeds_with_its_key_once_there_are_tokens() -> None:
    wallet, caller = WalletFactory.create(), Caller()
    body = {"user": str(wallet.user_id), "tokens": 5}
    refused = caller.post("charges", body, key="k")
    caller.post("grants", {**body, "reason": "An apology"}, key="g")
    charged = caller.post("charges", body, key="k")
    assert (refused.status_code, charged.status_code) == (402, 201)
    assert "Idempotency-Replayed" not in charged


def test_a_refused_invoice_is_made_with_its_key_once_the_code_is_valid() -> None:
    code = PromoCodeFactory.create(is_active=False).code
    body = {
        "user": str(WalletFactory.create().user_id),
        "tariff": TariffFactory.create().slug,
        "promo_code": code,
    }
    refused = Caller().post("invoices", body, key="k")
    Caller("staff").patch(f"promo-codes/{code}", {"is_active": True})
    assert (refused.status_code, Caller().post("invoices", body, key="k").status_code) == (404, 201)
