"""Invoices in Admin: money recorded by hand, told as it is, and invoices withdrawn."""

from __future__ import annotations

import pytest

from audit.models import AdminAlert, AuditLog
from billing.models import Invoice, Payment, PromoRedemption
from billing.tests.deeds import assert_books_are_true, ledger
from billing.tests.factories import InvoiceFactory, PaymentFactory, PromoCodeFactory
from billing.tests.operators import Operator, deed_of, errors_of, told
from billing.tests.snapshots import snapshot

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def invoice() -> Invoice:
    return InvoiceFactory.create()


def test_payment_by_hand_pays_the_invoice(operator: Operator, invoice: Invoice) -> None:
    answer = operator.do(invoice, "record_payment", amount="149", receipt="A-17", reason="by bank")

    invoice.refresh_from_db()
    assert invoice.status == Invoice.Status.PAID
    assert told(answer) == [("success", f"Invoice {invoice.number} is paid: 149\u00a0₽.")]
    assert ledger(invoice.wallet) == [("purchase", 50, 50)]
    assert_books_are_true(invoice.wallet)
    payment = Payment.objects.get(invoice=invoice)
    assert (payment.provider, payment.provider_payment_id, payment.amount) == ("manual", "A-17", 14_900)
    deed = AuditLog.objects.get(action="billing.payment.recorded")
    assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "by bank")


def test_sent_twice_it_counts_once(operator: Operator, invoice: Invoice) -> None:
    url = deed_of(invoice, "record_payment")
    filled = operator.filled(operator.open(url)) | {"amount": "149", "receipt": "A-17"}
    operator.resend(url, filled)
    before = snapshot()

    answer = operator.resend(url, filled)

    assert told(answer)[-1] == ("success", "This payment was recorded before. Nothing has moved.")
    assert snapshot() == before


def test_another_amount_is_kept_credited_nowhere_and_told(operator: Operator, invoice: Invoice) -> None:
    answer = operator.do(invoice, "record_payment", amount="100", receipt="A-17")

    ((level, words),) = told(answer)
    assert level == "warning"
    assert "100\u00a0₽ is kept and credited nowhere: the invoice asks 149\u00a0₽" in words
    invoice.refresh_from_db()
    assert (invoice.status, ledger(invoice.wallet)) == ("pending", [])
    assert Payment.objects.get(invoice=invoice).outcome == Payment.Outcome.MISMATCH
    assert AdminAlert.objects.count() == 1


def test_second_payment_is_kept_as_a_surplus_and_told(operator: Operator, invoice: Invoice) -> None:
    PaymentFactory.create(invoice=invoice)
    page = operator.open(deed_of(invoice, "record_payment"))
    assert "needs no payment" in page.content.decode()

    answer = operator.do(invoice, "record_payment", amount="149", receipt="A-17")

    ((level, words),) = told(answer)
    assert level == "warning"
    assert "149\u00a0₽ is kept as a surplus" in words
    assert len(ledger(invoice.wallet)) == 1
    assert AdminAlert.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("amount", "", "This field is required."),
        ("amount", "1,499,00", "Type an amount"),
        ("amount", "-149", "Type an amount"),
        ("amount", "149,999", "RUB has 2 digits after the point"),
        ("amount", "0", "1 … "),
        ("receipt", "", "This field is required."),
        ("receipt", "x" * 256, "at most 255 characters"),
    ],
)
def test_wrong_value_names_its_field_and_rule_and_moves_nothing(
    operator: Operator, invoice: Invoice, field: str, typed: str, rule: str
) -> None:
    before = snapshot()

    answer = operator.do(invoice, "record_payment", **{"amount": "149", "receipt": "A-17", field: typed})

    assert rule in " ".join(errors_of(answer)[field])
    assert snapshot() == before


def test_receipt_of_another_invoice_is_said_beside_it(operator: Operator, invoice: Invoice) -> None:
    PaymentFactory.create(provider_payment_id="A-17")
    before = snapshot()

    said = errors_of(operator.do(invoice, "record_payment", amount="149", receipt="A-17"))

    assert said["receipt"] == ["A payment with this receipt number was recorded before, for another invoice."]
    assert snapshot() == before


def test_known_receipt_with_another_amount_is_said_beside_it(operator: Operator, invoice: Invoice) -> None:
    operator.do(invoice, "record_payment", amount="149", receipt="A-17")
    before = snapshot()

    said = errors_of(operator.do(invoice, "record_payment", amount="99", receipt="A-17"))

    assert said["receipt"] == ["A payment with this receipt number was recorded before, with other facts."]
    assert snapshot() == before


def test_cancelling_gives_the_codes_use_back_and_is_told_why(operator: Operator) -> None:
    code = PromoCodeFactory.create(max_uses=1)
    invoice = InvoiceFactory.create(promo_code=code)

    assert told(operator.do(invoice, "cancel", reason="asked by phone")) == [("success", "The invoice is cancelled.")]

    invoice.refresh_from_db()
    code.refresh_from_db()
    assert (invoice.status, code.uses_count) == ("cancelled", 0)
    assert PromoRedemption.objects.get(invoice=invoice).state == PromoRedemption.State.RELEASED
    record = AuditLog.objects.filter(entity_id=str(invoice.pk)).latest("id")
    assert (record.new_value, record.user_id) == ({"status": "cancelled"}, operator.user.pk)
    assert record.metadata["reason"] == "asked by phone"


def test_cancelling_needs_a_reason(operator: Operator, invoice: Invoice) -> None:
    before = snapshot()

    assert "reason" in errors_of(operator.do(invoice, "cancel"))
    assert snapshot() == before


def test_paid_invoice_is_not_cancelled(operator: Operator, invoice: Invoice) -> None:
    PaymentFactory.create(invoice=invoice)
    before = snapshot()

    said = errors_of(operator.do(invoice, "cancel", reason="too late"))

    assert said["__all__"] == ["The invoice is no longer waiting for payment."]
    assert snapshot() == before


def test_paid_invoice_offers_no_cancelling(operator: Operator, invoice: Invoice) -> None:
    assert deed_of(invoice, "cancel") in operator.page(invoice).content.decode()
    PaymentFactory.create(invoice=invoice)

    assert deed_of(invoice, "cancel") not in operator.page(invoice).content.decode()


def test_page_shows_what_was_frozen_and_what_was_paid(operator: Operator) -> None:
    invoice = InvoiceFactory.create(promo_code=PromoCodeFactory.create(code="THIRD", discount_value=33))
    PaymentFactory.create(invoice=invoice, provider_payment_id="A-17")

    page = operator.page(invoice).content.decode()

    for shown in ("149\u00a0₽", "49,17\u00a0₽", "99,83\u00a0₽", "THIRD", "A-17"):
        assert shown in page


@pytest.mark.parametrize("by", ["number", "id", "username", "telegram_id"])
def test_invoice_is_found(operator: Operator, invoice: Invoice, by: str) -> None:
    InvoiceFactory.create()
    PaymentFactory.create(invoice=invoice)
    invoice.refresh_from_db()
    user = invoice.wallet.user
    assert user is not None
    terms = {
        "number": str(invoice.number),
        "id": str(invoice.pk),
        "username": f"@{user.username}",
        "telegram_id": str(user.telegram_id),
    }

    assert operator.list(Invoice, q=terms[by]).context["cl"].result_list == [invoice]
