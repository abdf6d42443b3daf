"""Invoices and their payments over HTTP."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tests.factories import bearer_header
from audit.models import AdminAlert
from billing.models import Invoice, Payment, Wallet
from billing.operations import invoices, tariffs
from billing.runtime_settings import INVOICE_LIFETIME_MINUTES
from billing.tests import deeds
from billing.tests.callers import Answer, Caller, pages
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    company_wallet,
)
from conftest import TestClock
from core.actors import SYSTEM
from core.api.moments import as_rfc3339

pytestmark = pytest.mark.django_db

ASKED: Final = {"amount": 14_900, "currency": "RUB"}


def order(wallet: Wallet, tariff: str, *, key: str = "k", **more: Any) -> Answer:
    return Caller().post("invoices", {"user": str(wallet.user_id), "tariff": tariff, **more}, key=key)


def pay(invoice: Invoice | str, *, receipt: str = "receipt-1", key: str = "k", amount: Any = ASKED) -> Answer:
    body = {"provider": "manual", "provider_payment_id": receipt, "amount": amount}
    path = f"invoices/{invoice if isinstance(invoice, str) else invoice.pk}/payments"
    return Caller("payments:write").post(path, body, key=key)


class TestMaking:
    def test_freezes_what_is_sold(self) -> None:
        wallet = WalletFactory.create()
        tariff = TariffFactory.create(price_stars=70, subscription_days=30)

        answer = order(wallet, tariff.slug)

        invoice = Invoice.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(invoice.pk),
            "number": None,
            "user": str(wallet.user_id),
            "company": None,
            "tariff": tariff.slug,
            "tariff_version": 1,
            "promo_code": None,
            "list_price": ASKED,
            "discount": {"amount": 0, "currency": "RUB"},
            "amount": ASKED,
            "amount_stars": 70,
            "tokens": 50,
            "bonus_tokens": 0,
            "subscription_days": 30,
            "status": "pending",
            "created_at": as_rfc3339(invoice.created_at),
            "expires_at": as_rfc3339(invoice.expires_at),
            "paid_at": None,
        }
        lifetime = invoice.expires_at - invoice.created_at
        assert lifetime.total_seconds() == INVOICE_LIFETIME_MINUTES.default * 60

    def test_is_the_same_by_telegram_id(self) -> None:
        wallet = WalletFactory.create()
        assert wallet.user is not None
        body = {"telegram_id": wallet.user.telegram_id, "tariff": TariffFactory.create().slug}
        assert Caller().post("invoices", body, key="k").json()["user"] == str(wallet.user_id)

    def test_works_for_companies(self) -> None:
        company, tariff = company_wallet(), TariffFactory.create(audience="company")
        answer = Caller().post("invoices", {"company": str(company.company_id), "tariff": tariff.slug}, key="k")
        assert (answer.status_code, answer.json()["user"], answer.json()["company"]) == (
            201,
            None,
            str(company.company_id),
        )
        assert Invoice.objects.get().wallet == company

    @pytest.mark.parametrize(
        ("named", "field"),
        [
            ({}, "user"),
            ({"user": str(uuid4()), "company": str(uuid4())}, "company"),
            ({"telegram_id": 7, "company": str(uuid4())}, "company"),
        ],
    )
    def test_names_exactly_one_customer(self, named: dict[str, Any], field: str) -> None:
        answer = Caller().post("invoices", {**named, "tariff": TariffFactory.create().slug}, key="k")
        assert (answer.status_code, answer.json()["errors"].keys()) == (400, {field})
        assert answer.json()["errors"][field] == ["Name the customer by exactly one of user, telegram_id and company."]
        assert not Invoice.objects.exists()

    def test_takes_33_percent_off_149_roubles(self) -> None:
        code = PromoCodeFactory.create(code="WELCOME33", discount_value=33)
        answer = order(WalletFactory.create(), TariffFactory.create().slug, promo_code="welcome33").json()
        assert answer["promo_code"] == "WELCOME33"
        assert [answer[name]["amount"] for name in ("list_price", "discount", "amount")] == [14_900, 4_917, 9_983]
        code.refresh_from_db()
        assert code.uses_count == 1

    def test_is_paid_at_once_where_nothing_is_left_to_pay(self) -> None:
        wallet = WalletFactory.create()
        code = PromoCodeFactory.create(discount_value=100)

        answer = order(wallet, TariffFactory.create().slug, promo_code=code.code)

        paid = answer.json()
        assert (answer.status_code, paid["status"], paid["amount"]["amount"]) == (201, "paid", 0)
        assert paid["number"]
        assert paid["paid_at"]
        assert Payment.objects.get().provider == "promo"
        assert deeds.ledger(wallet) == [("purchase", 50, 50)]

    def test_can_be_quoted_in_stars(self) -> None:
        tariff = TariffFactory.create(price_stars=70)
        answer = order(WalletFactory.create(), tariff.slug, currency="XTR").json()
        assert answer["amount"] == {"amount": 70, "currency": "XTR"}

    @pytest.mark.parametrize("nothing", [{"promo_code": None}, {"currency": None}, {"currency": "RUB"}], ids=str)
    def test_takes_null_for_nothing(self, nothing: dict[str, Any]) -> None:
        assert order(WalletFactory.create(), TariffFactory.create().slug, **nothing).status_code == 201

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"user": None}, ["user"]),
            ({"telegram_id": 7}, ["user"]),
            ({"user": "1"}, ["user"]),
            ({"tariff": None}, ["tariff"]),
            ({"tariff": ["pack"]}, ["tariff"]),
            ({"promo_code": 5}, ["promo_code"]),
            ({"promo_code": "x" * 65}, ["promo_code"]),
            ({"currency": "GBP"}, ["currency"]),
            ({"amount": 1}, ["amount"]),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, change: dict[str, Any], fields: list[str]) -> None:
        right = {"user": str(WalletFactory.create().user_id), "tariff": TariffFactory.create().slug}
        body = {name: value for name, value in {**right, **change}.items() if value is not None}
        answer = Caller().post("invoices", body, key="k")
        assert (answer.status_code, sorted(answer.json()["errors"])) == (400, fields)
        assert not Invoice.objects.exists()


class TestLooking:
    def test_lists_the_newest_first_as_each_is_shown(self) -> None:
        made = [InvoiceFactory.create() for _number in range(3)]
        caller = Caller("billing:read")
        shown = [caller.get(f"invoices/{invoice.pk}").json() for invoice in reversed(made)]
        assert pages(caller, "invoices", limit=2) == [shown[:2], shown[2:]]

    def test_narrows_to_a_customer_and_a_status(self) -> None:
        mine = InvoiceFactory.create()
        paid = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=mine.wallet)).invoice
        others = PaymentFactory.create().invoice

        def found(**filters: str) -> list[str]:
            return [row["id"] for row in Caller("billing:read").get("invoices", **filters).json()["results"]]

        user = str(mine.wallet.user_id)
        assert found(user=user) == [str(paid.pk), str(mine.pk)]
        assert found(status="paid") == [str(others.pk), str(paid.pk)]
        assert found(user=user, status="paid") == [str(paid.pk)]
        assert found(user=str(uuid4())) == []

    def test_narrows_to_a_company(self) -> None:
        tariff = TariffFactory.create(audience="company")
        one, _other = (InvoiceFactory.create(wallet=company_wallet(), tariff=tariff) for _number in range(2))
        persons, server = InvoiceFactory.create(), Caller("billing:read")
        company = str(one.wallet.company_id)
        (row,) = server.get("invoices", company=company).json()["results"]
        assert (row["id"], row["user"], row["company"]) == (str(one.pk), None, company)
        for asked in ({"company": str(uuid4())}, {"company": company, "user": str(persons.wallet.user_id)}):
            assert server.get("invoices", **asked).json()["results"] == []

    def test_of_companies_are_not_for_customers(self) -> None:
        theirs = InvoiceFactory.create(wallet=company_wallet(), tariff=TariffFactory.create(audience="company"))
        wallet, company = WalletFactory.create(), str(theirs.wallet.company_id)
        assert wallet.user is not None
        person = Client(headers=bearer_header(wallet.user) | {"Idempotency-Key": "k"})
        assert person.get("/api/v1/invoices", query_params={"company": company}).json()["results"] == []
        body = {"company": company, "tariff": theirs.tariff.slug}
        answer = person.post("/api/v1/invoices", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.wallet_not_found")
        assert Invoice.objects.count() == 1

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"company": "7"}, "company"),
            ({"user": "7"}, "user"),
            ({"status": "new"}, "status"),
            ({"tariff": "x"}, "tariff"),
        ],
    )
    def test_names_the_parameter_that_is_wrong(self, query: dict[str, str | int], field: str) -> None:
        answer = Caller("billing:read").get("invoices", **query)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])

    def test_keeps_what_it_froze_when_the_tariff_changes(self) -> None:
        invoice = InvoiceFactory.create()
        slug = invoice.tariff.slug
        tariffs.change(slug=slug, seen_version=1, price=99_900, tokens=1, by=TESTER)
        shown = Caller("billing:read").get(f"invoices/{invoice.pk}").json()
        assert (shown["amount"], shown["tokens"], shown["tariff_version"]) == (ASKED, 50, 1)
        assert pay(invoice).status_code == 201
        assert deeds.ledger(invoice.wallet) == [("purchase", 50, 50)]


class TestCancelling:
    def test_gives_the_use_of_the_code_back_once(self) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        invoice = InvoiceFactory.create(promo_code=code)
        answers = [Caller().post(f"invoices/{invoice.pk}/cancel") for _time in range(2)]
        assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "cancelled")] * 2
        code.refresh_from_db()
        assert code.uses_count == 0

    @pytest.mark.django_db(transaction=True)
    def test_refuses_what_was_paid_or_is_not_there(self) -> None:
        paid = PaymentFactory.create().invoice
        refused = Caller().post(f"invoices/{paid.pk}/cancel")
        missing = Caller().post(f"invoices/{uuid4()}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (409, "billing.invoice_not_pending")
        assert (missing.status_code, missing.json()["code"]) == (404, "billing.invoice_not_found")

    def test_takes_no_body(self) -> None:
        answer = Caller().post(f"invoices/{InvoiceFactory.create().pk}/cancel", {"reason": "x"})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["reason"])


class TestPaying:
    def test_credits_what_was_bought(self) -> None:
        invoice = InvoiceFactory.create()

        answer = pay(invoice)

        payment = Payment.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "id": str(payment.pk),
            "invoice": str(invoice.pk),
            "provider": "manual",
            "provider_payment_id": "receipt-1",
            "amount": ASKED,
            "status": "succeeded",
            "outcome": "credited",
            "created_at": as_rfc3339(payment.created_at),
        }
        paid = Caller("billing:read").get(f"invoices/{invoice.pk}").json()
        assert paid["status"] == "paid"
        assert paid["number"]
        assert paid["paid_at"]
        assert deeds.ledger(invoice.wallet) == [("purchase", 50, 50)]

    @pytest.mark.parametrize("key", ["k", "another"])
    def test_the_same_payment_twice_credits_once(self, key: str) -> None:
        invoice = InvoiceFactory.create()
        first, second = pay(invoice), pay(invoice, key=key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json() == first.json()
        assert "Idempotency-Replayed" not in first
        assert second["Idempotency-Replayed"] == "true"
        assert deeds.ledger(invoice.wallet) == [("purchase", 50, 50)]

    def test_a_second_payment_of_a_paid_invoice_is_kept_and_credited_nowhere(self) -> None:
        invoice = InvoiceFactory.create()
        pay(invoice)

        answer = pay(invoice, receipt="receipt-2", key="k2")

        assert (answer.status_code, answer.json()["outcome"]) == (201, "surplus")
        assert deeds.ledger(invoice.wallet) == [("purchase", 50, 50)]
        assert Payment.objects.count() == 2
        assert AdminAlert.objects.get().severity == "critical"

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        "amount",
        [{"amount": 14_899, "currency": "RUB"}, {"amount": 14_901, "currency": "RUB"}, {**ASKED, "currency": "USD"}],
        ids=["less", "more", "another currency"],
    )
    def test_a_wrong_amount_is_refused_kept_and_alerted_once(self, amount: dict[str, Any]) -> None:
        invoice = InvoiceFactory.create()

        first, second = pay(invoice, amount=amount), pay(invoice, amount=amount)

        payment = Payment.objects.get()
        for answer in (first, second):
            assert (answer.status_code, answer.json()["code"]) == (409, "billing.payment_mismatch")
            assert (answer.json()["expected"], answer.json()["received"]) == (ASKED, amount)
            assert answer.json()["payment"] == str(payment.pk)
        assert [answer.get("Idempotency-Replayed") for answer in (first, second)] == [None, "true"]
        assert (payment.outcome, deeds.ledger(invoice.wallet)) == ("mismatch", [])
        assert AdminAlert.objects.get().severity == "critical"
        invoice.refresh_from_db()
        assert invoice.status == "pending"
        assert pay(invoice, receipt="the right one", key="k2").json()["outcome"] == "credited"

    def test_an_expired_invoice_can_still_be_paid(self, clock: TestClock) -> None:
        invoice = InvoiceFactory.create()
        clock.advance(days=2)
        assert invoices.sweep(by=SYSTEM) == 1
        answer = pay(invoice)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "credited")

    def test_the_price_in_stars_is_as_good(self) -> None:
        invoice = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=70))
        answer = pay(invoice, amount={"amount": 70, "currency": "XTR"})
        assert (answer.status_code, answer.json()["outcome"]) == (201, "credited")

    @pytest.mark.django_db(transaction=True)
    def test_one_receipt_does_not_pay_two_invoices(self) -> None:
        one, other = InvoiceFactory.create(), InvoiceFactory.create()
        pay(one)
        answer = pay(other)
        assert (answer.status_code, answer.json()["code"]) == (409, "billing.payment_of_another_invoice")
        assert deeds.ledger(other.wallet) == []

    @pytest.mark.django_db(transaction=True)
    def test_does_not_find_strangers(self) -> None:
        answer = pay(str(uuid4()))
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.invoice_not_found")

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"provider": "promo"}, ["provider"]),
            ({"provider": "yookassa"}, ["provider"]),
            ({"provider_payment_id": ""}, ["provider_payment_id"]),
            ({"provider_payment_id": "x" * 256}, ["provider_payment_id"]),
            ({"amount": 14_900}, ["amount"]),
            ({"amount": {"amount": 0, "currency": "RUB"}}, ["amount.amount"]),
            ({"amount": {"amount": 149.5, "currency": "RUB"}}, ["amount.amount"]),
            ({"amount": {"amount": 10**18, "currency": "RUB"}}, ["amount.amount"]),
            ({"user": "x"}, ["user"]),
        ],
        ids=str,
    )
    def test_names_the_field_that_is_wrong(self, change: dict[str, Any], fields: list[str]) -> None:
        invoice = InvoiceFactory.create()
        body = {"provider": "manual", "provider_payment_id": "r", "amount": ASKED, **change}
        answer = Caller("payments:write").post(f"invoices/{invoice.pk}/payments", body, key="k")
        assert (answer.status_code, sorted(answer.json()["errors"])) == (400, fields)
        assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "right", "wrong"),
    [
        ("get", "invoices", "billing:read", "billing:write"),
        ("get", "invoices/{id}", "billing:read", "payments:write"),
        ("post", "invoices", "billing:write", "billing:read"),
        ("post", "invoices/{id}/cancel", "billing:write", "billing:read"),
        ("post", "invoices/{id}/payments", "payments:write", "billing:write"),
    ],
)
def test_each_route_has_its_right(method: str, path: str, right: str, wrong: str) -> None:
    path = path.format(id=InvoiceFactory.create().pk)
    allowed = Caller(right).send(method, path, {} if method == "post" else None, key="k")
    refused = Caller(wrong).send(method, path, {} if method == "post" else None, key="k")
    assert allowed.status_code in {200, 400}, "let in, to be read"
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.permission_denied")
    assert right in refused.json()["required_scopes"]
