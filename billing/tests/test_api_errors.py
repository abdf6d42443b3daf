"""Every refusal of billing, as a server hears it: its code, its status, its words, and that nothing moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest

from billing.models import Wallet
from billing.operations import tariffs, wallets
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.callers import PROBLEM, Answer, Caller
from billing.tests.factories import (
    TESTER,
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
)
from billing.tests.snapshots import snapshot
from core import clock as database_clock
from core.errors import DomainError, catalogue
from core.money import Money

pytestmark = pytest.mark.django_db(transaction=True)

# Refusals of operations that no route reaches with such values, and why.
NOT_OVER_HTTP: Final = {
    "billing.tokens_out_of_range": "fields take 1 to 10¹² tokens, and name the field themselves",
    "billing.reversal_exceeds_lot": "nothing is taken back over HTTP yet",
}


@dataclass(frozen=True)
class Ask:
    """
    A request that is refused.

    :param data: the refusal's own facts
    :param fields: the fields that it names
    """

    method: str
    path: str
    body: object = None
    key: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()

    def send(self, caller: Caller, language: str) -> Answer:
        return caller.send(self.method, self.path, self.body, key=self.key, language=language)


def charging(wallet: Wallet, tokens: int = 1, key: str = "k", **data: Any) -> Ask:
    return Ask("post", "charges", {"user": str(wallet.user_id), "tokens": tokens}, key, data)


def ordering(wallet: Wallet, tariff: str, code: str | None = None, **more: Any) -> Ask:
    fields = more.pop("fields", ())
    data = more.pop("data", {})
    body = {"user": str(wallet.user_id), "tariff": tariff} | ({"promo_code": code} if code else {}) | more
    return Ask("post", "invoices", body, "k", data, fields)


def wallet_not_found() -> Ask:
    return Ask("post", "charges", {"user": str(uuid4()), "tokens": 1}, "k")


def insufficient_tokens() -> Ask:
    return charging(funded_wallet(tokens=2), 5, required=5, available=2)


def wallet_frozen() -> Ask:
    wallet = funded_wallet(tokens=2)
    wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a dispute", by=TESTER)
    return charging(wallet, required=1, available=2)


def idempotency_mismatch() -> Ask:
    wallet = funded_wallet(tokens=5)
    deeds.charge(wallet, 1, key="k")
    return charging(wallet, 2)


def batch_too_large() -> Ask:
    charges = [{"telegram_id": 1, "tokens": 1, "idempotency_key": f"k{number}"} for number in range(1001)]
    return Ask("post", "charges/batch", {"charges": charges}, data={"items": 1001, "maximum": 1000})


def hold_not_found() -> Ask:
    return Ask("post", f"holds/{uuid4()}/release", None, "k")


def hold_closed() -> Ask:
    hold = HoldFactory.create()
    Caller().post(f"holds/{hold.pk}/release", key="first")
    return Ask("post", f"holds/{hold.pk}/capture", {}, "k", {"state": "released"})


def capture_exceeds_hold() -> Ask:
    hold = HoldFactory.create(tokens=10)
    return Ask("post", f"holds/{hold.pk}/capture", {"tokens": 11}, "k", {"required": 11, "held": 10})


def expiry_in_the_past() -> Ask:
    passed = (database_clock.now() - timedelta(seconds=1)).isoformat()
    body = {"user": str(WalletFactory.create().user_id), "tokens": 1, "reason": "x", "expires_at": passed}
    return Ask("post", "grants", body, "k", fields=("expires_at",))


def tariff_not_found() -> Ask:
    return Ask("get", "tariffs/nothing")


def tariff_changed() -> Ask:
    tariff = TariffFactory.create()
    tariffs.change(slug=tariff.slug, seen_version=1, price=1_000, by=TESTER)
    body = {"version": 1, "price": {"amount": 2_000, "currency": "RUB"}}
    return Ask("patch", f"tariffs/{tariff.slug}", body, data={"version": 2, "seen": 1})


def tariff_slug_taken() -> Ask:
    price = {"amount": 1, "currency": "RUB"}
    body = {"slug": TariffFactory.create().slug, "name": "Twin", "price": price, "tokens": 1}
    return Ask("post", "tariffs", body, fields=("slug",))


def tariff_not_on_sale() -> Ask:
    tariff = TariffFactory.create()
    tariffs.archive(slug=tariff.slug, by=TESTER)
    return ordering(WalletFactory.create(), tariff.slug)


def tariff_not_for_owner() -> Ask:
    return ordering(WalletFactory.create(), TariffFactory.create(audience="company").slug)


def currency_not_offered() -> Ask:
    tariff = TariffFactory.create(price_stars=None)
    return ordering(WalletFactory.create(), tariff.slug, currency="XTR", fields=("currency",))


def amount_below_minimum() -> Ask:
    tariff = TariffFactory.create(price=1_000)
    code = PromoCodeFactory.create(discount_value=91)
    money = {"amount": {"amount": 90, "currency": "RUB"}, "minimum": {"amount": 100, "currency": "RUB"}}
    return ordering(WalletFactory.create(), tariff.slug, code.code, data=money)


def promo_code_not_valid() -> Ask:
    return ordering(WalletFactory.create(), TariffFactory.create().slug, "NOTHING", fields=("promo_code",))


def promo_code_exhausted() -> Ask:
    code = PromoCodeFactory.create(max_uses=1)
    invoice = InvoiceFactory.create(promo_code=code)
    return ordering(WalletFactory.create(), invoice.tariff.slug, code.code)


def promo_code_already_used() -> Ask:
    code = PromoCodeFactory.create()
    invoice = InvoiceFactory.create(promo_code=code)
    return ordering(invoice.wallet, invoice.tariff.slug, code.code)


def promo_code_not_for_tariff() -> Ask:
    code = PromoCodeFactory.create(tariff=TariffFactory.create())
    return ordering(WalletFactory.create(), TariffFactory.create().slug, code.code)


def promo_code_currency_mismatch() -> Ask:
    code = PromoCodeFactory.create(discount_type="fixed", discount_value=100, currency="USD")
    return ordering(WalletFactory.create(), TariffFactory.create().slug, code.code)


def promo_code_without_effect() -> Ask:
    code = PromoCodeFactory.create(discount_value=1)
    return ordering(WalletFactory.create(), TariffFactory.create(price=49).slug, code.code)


def promo_code_taken() -> Ask:
    code = PromoCodeFactory.create()
    body = {"code": code.code.lower(), "discount_type": "percent", "discount_value": 1}
    return Ask("post", "promo-codes", body, fields=("code",))


def invoice_not_found() -> Ask:
    return Ask("get", f"invoices/{uuid4()}")


def invoice_not_pending() -> Ask:
    payment = PaymentFactory.create()
    return Ask("post", f"invoices/{payment.invoice_id}/cancel", data={"invoice_status": "paid"})


def payment_mismatch() -> Ask:
    invoice = InvoiceFactory.create()
    payment = deeds.pay(invoice, Money(1, "RUB"), provider_payment_id="receipt", key="k").payment
    one = {"amount": 1, "currency": "RUB"}
    body = {"provider": "manual", "provider_payment_id": "receipt", "amount": one}
    facts = {"payment": str(payment.pk), "expected": {"amount": 14_900, "currency": "RUB"}, "received": one}
    return Ask("post", f"invoices/{invoice.pk}/payments", body, "k", facts)


def payment_of_another_invoice() -> Ask:
    paid = PaymentFactory.create()
    invoice = InvoiceFactory.create()
    body = {
        "provider": "manual",
        "provider_payment_id": paid.provider_payment_id,
        "amount": {"amount": invoice.amount, "currency": "RUB"},
    }
    return Ask("post", f"invoices/{invoice.pk}/payments", body, "k")


def _billing_errors() -> dict[str, type[DomainError]]:
    return {error.code: error for error in catalogue() if error.code.startswith("billing.")}


CASES: Final[dict[str, Callable[[], Ask]]] = {
    f"billing.{case.__name__}": case
    for case in (
        wallet_not_found,
        insufficient_tokens,
        wallet_frozen,
        idempotency_mismatch,
        batch_too_large,
        hold_not_found,
        hold_closed,
        capture_exceeds_hold,
        expiry_in_the_past,
        tariff_not_found,
        tariff_changed,
        tariff_slug_taken,
        tariff_not_on_sale,
        tariff_not_for_owner,
        currency_not_offered,
        amount_below_minimum,
        promo_code_not_valid,
        promo_code_exhausted,
        promo_code_already_used,
        promo_code_not_for_tariff,
        promo_code_currency_mismatch,
        promo_code_without_effect,
        promo_code_taken,
        invoice_not_found,
        invoice_not_pending,
        payment_mismatch,
        payment_of_another_invoice,
    )
}


@pytest.mark.parametrize("code", CASES)
def test_is_answered_in_full_and_moves_nothing(code: str) -> None:
    error = _billing_errors()[code]
    ask = CASES[code]()
    caller = Caller("billing:read", "billing:write", "payments:write", "grants:write", "staff")
    before = _moved()

    answers = {language: ask.send(caller, language) for language in ("en", "ru")}

    assert _moved() == before
    said = {entry["code"]: entry for entry in caller.get("errors").json()["results"]}[code]
    for language, answer in answers.items():
        problem = answer.json()
        assert answer.status_code == error.status == problem["status"] == said["status"]
        assert answer["Content-Type"] == PROBLEM
        assert answer["Content-Language"] == language
        assert problem["code"] == code
        assert problem["type"] == said["type"] == f"/api/v1/errors#{code}"
        assert problem["title"] == said["title"][language]
        assert problem["request_id"] == answer["X-Request-ID"]
        assert tuple(problem["errors"]) == ask.fields
        standard = {"type", "title", "status", "code", "detail", "errors", "request_id"}
        assert {name: value for name, value in problem.items() if name not in standard} == ask.data


def _moved() -> dict[str, list[str]]:
    """Everything but what counts who asks: keys' last uses, attempts at promo codes."""
    return {table: rows for table, rows in snapshot().items() if table not in {"accounts_apikey", "core_throttle"}}


def test_every_refusal_of_the_catalogue_is_tested() -> None:
    assert set(CASES) | set(NOT_OVER_HTTP) == set(_billing_errors())
    assert not set(CASES) & set(NOT_OVER_HTTP)


@pytest.mark.parametrize("code", CASES)
def test_is_said_in_two_languages(code: str) -> None:
    titles = {entry["code"]: entry["title"] for entry in Caller().get("errors").json()["results"]}[code]
    assert set(titles) == {"en", "ru"}
    assert titles["en"].isascii()
    assert any("а" <= letter.lower() <= "я" for letter in titles["ru"])
