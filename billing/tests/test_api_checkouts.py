"""Beginning to pay, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.tests.factories import UserFactory, bearer_header
from billing.models import Checkout, Invoice
from billing.operations import invoices
from billing.tests.callers import Answer, Caller
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, TariffFactory, WalletFactory
from billing.tests.snapshots import snapshot
from billing.tests.tills import StripeTill, YooKassaTill, stripe, yookassa
from conftest import TestClock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


@pytest.fixture
def stripe_till() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


def begin(invoice: Invoice | str, provider: str = "yookassa", **more: Any) -> Answer:
    path = f"invoices/{invoice if isinstance(invoice, str) else invoice.pk}/checkout"
    return Caller("billing:write").post(path, {"provider": provider, **more})


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def moved() -> dict[str, list[str]]:
    return {table: rows for table, rows in snapshot().items() if table.startswith("billing_")}


def test_tells_where_to_pay_and_again_the_same(till: YooKassaTill) -> None:
    invoice = InvoiceFactory.create()
    answer = begin(invoice, return_url="https://shop.example/thanks?a=1")
    checkout = Checkout.objects.get()
    assert (answer.status_code, answer.json()) == (
        200,
        {"provider": "yookassa", "url": checkout.url, "invoice_link": None, "payload": None},
    )
    assert begin(invoice).json() == answer.json()
    assert Checkout.objects.count() == 1


def test_each_provider_has_a_page_of_its_own(stripe_till: StripeTill) -> None:
    answer = begin(InvoiceFactory.create(), "stripe")
    assert answer.json()["url"].startswith(f"{stripe_till.house.address}/stripe/till/cs_")


def test_customers_pay_their_own_invoices_and_see_nobody_elses(till: YooKassaTill) -> None:
    anna = UserFactory.create()
    invoice = InvoiceFactory.create(wallet=WalletFactory.create(user=anna))
    client = Client(headers=bearer_header(anna))

    def ask(wanted: Invoice) -> Answer:
        path = f"/api/v1/invoices/{wanted.pk}/checkout"
        return client.post(path, {"provider": "yookassa"}, content_type="application/json")

    assert ask(invoice).status_code == 200
    assert refused(ask(InvoiceFactory.create())) == (404, "billing.invoice_not_found")
    assert Checkout.objects.count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "ftp://shop.example",
        "javascript:alert(1)",
        "//shop.example",
        "shop.example",
        "https://",
        "https://user:password@shop.example",
        "https://shop.example\\@evil.example",
        "https://shop.example/a b",
        "https://[::1",
        "https://shop.example:99999",
        "https://shop.example/" + "a" * 2_048,
        "",
        7,
    ],
)
def test_a_browser_is_sent_back_to_web_addresses_alone(till: YooKassaTill, address: object) -> None:
    answer = begin(InvoiceFactory.create(), return_url=address)
    assert refused(answer) == (400, "common.validation_error")
    assert list(answer.json()["errors"]) == ["return_url"]
    assert till.house.calls() == []


@pytest.mark.parametrize("provider", ["manual", "promo", "paypal", "", None])
def test_there_is_no_till_where_staff_say_what_was_paid(till: YooKassaTill, provider: object) -> None:
    path = f"invoices/{InvoiceFactory.create().pk}/checkout"
    assert refused(Caller().post(path, {"provider": provider})) == (400, "common.validation_error")


def test_a_provider_that_is_not_set_up_is_not_offered(till: YooKassaTill) -> None:
    invoice = InvoiceFactory.create()
    before = moved()
    assert refused(begin(invoice, "stripe")) == (409, "billing.provider_not_offered")
    assert moved() == before


def test_an_invoice_in_stars_is_not_paid_elsewhere(till: YooKassaTill) -> None:
    invoice = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=70), currency="XTR")
    before = moved()
    assert refused(begin(invoice)) == (409, "billing.provider_not_offered")
    assert moved() == before


def test_an_invoice_that_needs_no_payment_has_no_till(till: YooKassaTill, clock: TestClock) -> None:
    cancelled, late = InvoiceFactory.create(), InvoiceFactory.create()
    invoices.cancel(invoice_id=cancelled.pk, by=TESTER)
    paid = PaymentFactory.create().invoice
    clock.advance(days=2)
    before = moved()
    for invoice in (cancelled, paid, late):
        assert refused(begin(invoice)) == (409, "billing.invoice_not_pending")
    assert refused(begin(str(uuid4()))) == (404, "billing.invoice_not_found")
    assert moved() == before
    assert till.house.calls() == []


def test_a_provider_that_is_silent_is_asked_again(till: YooKassaTill) -> None:
    till.house.script("POST /yookassa", kind="status", status=500)
    invoice = InvoiceFactory.create()
    answer = begin(invoice)
    assert refused(answer) == (503, "billing.provider_not_available")
    assert answer["Retry-After"] == "10"
    assert begin(invoice).status_code == 200


def test_a_refusal_says_why_in_the_providers_word(till: YooKassaTill) -> None:
    till.house.script("POST /yookassa", kind="status", status=403)
    answer = begin(InvoiceFactory.create())
    assert refused(answer) == (409, "billing.provider_not_offered")
    assert answer.json()["detail"] == "forbidden"
