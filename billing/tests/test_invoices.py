"""Invoices: a frozen quote, created once for a key, cancelled, expired."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditLog
from billing import errors
from billing.models import Invoice, Payment, PromoRedemption, Transaction, Wallet
from billing.operations import invoices, promo_codes, tariffs, wallets
from billing.owners import Owner
from billing.queries import invoices as invoice_queries
from billing.runtime_settings import INVOICE_LIFETIME_MINUTES
from billing.tests.deeds import assert_books_are_true, booked, ledger, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    company_wallet,
    new_key,
)
from billing.tests.races import lined_up, outcomes
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.errors import DomainError, IdempotencyKeyInvalid
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def order(wallet: Wallet, tariff: str, **asked: Any) -> invoices.Created:
    return invoices.create(owner=Owner.wallet(wallet.pk), tariff=tariff, by=TESTER, **{"key": new_key(), **asked})


def cancel(invoice: Invoice) -> Invoice:
    return invoices.cancel(invoice_id=invoice.pk, by=TESTER)


class TestCreate:
    def test_freezes_what_is_sold(self) -> None:
        tariff = TariffFactory.create(
            price=14_900, tokens=50, token_validity_days=30, subscription_days=7, price_stars=100
        )
        created = order(WalletFactory.create(), tariff.slug)
        invoice = Invoice.objects.get()
        assert created.invoice == invoice
        assert not created.replayed
        assert (invoice.tariff_id, invoice.tariff_version) == (tariff.pk, 1)
        assert (invoice.list_price, invoice.discount_amount, invoice.amount) == (14_900, 0, 14_900)
        assert (invoice.currency, invoice.amount_stars) == ("RUB", 100)
        assert (invoice.tokens, invoice.bonus_tokens) == (50, 0)
        assert (invoice.token_validity_days, invoice.subscription_days) == (30, 7)
        assert (invoice.status, invoice.paid_at, invoice.number) == ("pending", None, None)
        assert (invoice.promo_code_id, PromoRedemption.objects.count()) == (None, 0)

    def test_takes_33_percent_off_149_roubles(self) -> None:
        code = PromoCodeFactory.create(discount_value=33)
        invoice = InvoiceFactory.create(tariff=TariffFactory.create(price=14_900), promo_code=code)
        assert (invoice.list_price, invoice.discount_amount, invoice.amount) == (14_900, 4_917, 9_983)
        assert invoice.status == "pending"

    def test_a_code_of_bonus_tokens_adds_them(self) -> None:
        wallet = WalletFactory.create()
        code = PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=7)
        invoice = InvoiceFactory.create(wallet=wallet, promo_code=code)
        assert (invoice.amount, invoice.tokens, invoice.bonus_tokens) == (14_900, 50, 7)
        pay(invoice)
        assert ledger(wallet) == [("purchase", 50, 50), ("bonus", 7, 57)]

    @pytest.mark.parametrize(("kind", "value"), [("percent", 100), ("fixed", 14_900), ("fixed", 999_999)])
    def test_with_nothing_to_pay_is_settled_at_once_with_no_provider(self, kind: str, value: int) -> None:
        wallet = WalletFactory.create()
        code = PromoCodeFactory.create(
            discount_type=kind, discount_value=value, currency="RUB" if kind == "fixed" else "", max_uses=1
        )
        invoice = InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(price=14_900), promo_code=code)
        assert (invoice.discount_amount, invoice.amount, invoice.status) == (14_900, 0, "paid")
        assert invoice.number is not None
        payment = Payment.objects.get()
        assert (payment.provider, payment.amount, payment.outcome) == ("promo", 0, "credited")
        assert ledger(wallet) == [("purchase", 50, 50)]
        assert PromoRedemption.objects.get().state == "applied"
        assert_books_are_true(wallet)

    def test_a_free_one_credits_once_when_it_is_asked_for_again(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create()
        code = PromoCodeFactory.create(discount_value=100)
        first = order(wallet, tariff.slug, promo_code=code.code, key="mine")
        moved = snapshot()
        again = order(wallet, tariff.slug, promo_code=code.code, key="mine")
        assert (again.replayed, again.invoice) == (True, first.invoice)
        assert snapshot() == moved

    def test_in_stars_asks_for_stars(self) -> None:
        invoice = InvoiceFactory.create(tariff=TariffFactory.create(price_stars=100), currency="XTR")
        assert (invoice.amount, invoice.currency, invoice.amount_stars) == (100, "XTR", 100)

    def test_waits_for_its_payment_as_long_as_the_setting_says(self) -> None:
        invoice = InvoiceFactory.create()
        assert invoice.expires_at - invoice.created_at == timedelta(minutes=INVOICE_LIFETIME_MINUTES.get())

    def test_is_for_companies_too(self) -> None:
        wallet = company_wallet()
        invoice = InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(audience="company"))
        pay(invoice)
        assert booked(wallet)[0] == 50

    def test_is_for_a_frozen_wallet_too(self) -> None:
        wallet = WalletFactory.create()
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        assert InvoiceFactory.create(wallet=wallet).status == "pending"

    def test_is_written_into_the_audit_log(self) -> None:
        invoice = InvoiceFactory.create()
        row = AuditLog.objects.get(entity_id=str(invoice.pk))
        assert row.actor["label"] == "tests"
        assert row.new_value is not None
        assert row.new_value["amount"] == 14_900
        assert row.new_value["request_hash"] != bytes(invoice.request_hash).hex()


class TestKeys:
    def test_give_the_first_invoice_back(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create()
        first = order(wallet, tariff.slug, key="mine")
        moved = snapshot()
        again = order(wallet, tariff.slug, key="mine")
        assert (again.replayed, again.invoice) == (True, first.invoice)
        assert snapshot() == moved

    def test_give_it_back_whatever_became_of_its_tariff_and_code(self) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(), PromoCodeFactory.create()
        asked = {"promo_code": code.code, "key": "mine"}
        first = order(wallet, tariff.slug, **asked)
        cancel(first.invoice)
        tariffs.archive(slug=tariff.slug, by=TESTER)
        promo_codes.switch_off(code=code.code, by=TESTER)
        assert order(wallet, tariff.slug, **asked).invoice == first.invoice

    @pytest.mark.parametrize("other", ["tariff", "promo_code", "currency"])
    def test_refuse_another_request(self, unmoved: Unmoved, other: str) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(price_stars=100), PromoCodeFactory.create()
        order(wallet, tariff.slug, key="mine")
        asked = {"tariff": TariffFactory.create().slug, "promo_code": code.code, "currency": "XTR"}[other]
        with unmoved(errors.IdempotencyMismatch):
            order(wallet, **{"tariff": tariff.slug, other: asked, "key": "mine"})

    def test_are_a_wallets_own(self) -> None:
        tariff = TariffFactory.create()
        assert not order(WalletFactory.create(), tariff.slug, key="mine").replayed
        assert not order(WalletFactory.create(), tariff.slug, key="mine").replayed

    @pytest.mark.parametrize("key", ["", "ключ", "x" * 256, "billing:invoice"])
    def test_refuse_what_is_none(self, unmoved: Unmoved, key: str) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create()
        with unmoved(IdempotencyKeyInvalid):
            order(wallet, tariff.slug, key=key)

    @pytest.mark.django_db(transaction=True)
    def test_make_one_invoice_for_all_who_race(self) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(), PromoCodeFactory.create()
        ran = lined_up(wallet, *[lambda: order(wallet, tariff.slug, promo_code=code.code, key="mine")] * 6)
        assert len({created.invoice.pk for created in ran.results}) == 1
        assert [created.replayed for created in ran.results].count(False) == 1
        assert (Invoice.objects.count(), PromoRedemption.objects.count()) == (1, 1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "error"),
        [
            ({"tariff": "nothing"}, errors.TariffNotFound),
            ({"tariff": "archived"}, errors.TariffNotOnSale),
            ({"tariff": "companies"}, errors.TariffNotForOwner),
            ({"currency": "USD"}, errors.CurrencyNotOffered),
            ({"promo_code": "NOTHING"}, errors.PromoCodeNotValid),
            ({"promo_code": "OFF"}, errors.PromoCodeNotValid),
            ({"promo_code": "OTHER"}, errors.PromoCodeNotForTariff),
            ({"promo_code": "DOLLARS"}, errors.PromoCodeCurrencyMismatch),
            ({"promo_code": "NEARLY"}, errors.AmountBelowMinimum),
            ({"promo_code": "SPENT"}, errors.PromoCodeExhausted),
        ],
    )
    def test_move_nothing(self, unmoved: Unmoved, asked: dict[str, Any], error: type[DomainError]) -> None:
        TariffFactory.create(slug="package", price=9_900)
        other = TariffFactory.create(slug="archived", is_active=False)
        TariffFactory.create(slug="companies", audience="company")
        PromoCodeFactory.create(code="OFF", is_active=False)
        PromoCodeFactory.create(code="OTHER", tariff=other)
        PromoCodeFactory.create(code="DOLLARS", discount_type="fixed", discount_value=100, currency="USD")
        PromoCodeFactory.create(code="NEARLY", discount_value=99)
        InvoiceFactory.create(promo_code=PromoCodeFactory.create(code="SPENT", max_uses=1))
        wallet = WalletFactory.create()
        with unmoved(error):
            order(wallet, **{"tariff": "package", **asked})

    def test_of_a_customer_who_is_not_there(self, unmoved: Unmoved) -> None:
        tariff = TariffFactory.create()
        with unmoved(errors.WalletNotFound):
            invoices.create(owner=Owner.telegram(1), tariff=tariff.slug, key=new_key(), by=TESTER)

    def test_leave_the_key_free(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(is_active=False)
        with pytest.raises(errors.TariffNotOnSale):
            order(wallet, tariff.slug, key="mine")


class TestCancel:
    def test_withdraws_an_invoice(self) -> None:
        invoice = InvoiceFactory.create()
        assert cancel(invoice).status == "cancelled"
        invoice.refresh_from_db()
        assert (invoice.status, invoice.paid_at) == ("cancelled", None)

    def test_cancelling_a_cancelled_one_changes_nothing(self) -> None:
        invoice = InvoiceFactory.create(promo_code=PromoCodeFactory.create())
        cancel(invoice)
        moved = snapshot()
        assert cancel(invoice).status == "cancelled"
        assert snapshot() == moved

    def test_refuses_a_paid_one(self, unmoved: Unmoved) -> None:
        invoice = InvoiceFactory.create()
        pay(invoice)
        with unmoved(errors.InvoiceNotPending) as refusal:
            cancel(invoice)
        assert refusal.value.data == {"invoice_status": "paid"}
        assert (refusal.value.code, refusal.value.status) == ("billing.invoice_not_pending", 409)

    def test_refuses_an_expired_one(self, unmoved: Unmoved, clock: TestClock) -> None:
        invoice = InvoiceFactory.create()
        clock.advance(days=2)
        invoices.sweep(by=TESTER)
        with unmoved(errors.InvoiceNotPending):
            cancel(invoice)

    def test_refuses_one_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.InvoiceNotFound) as refusal:
            invoices.cancel(invoice_id=uuid7(), by=TESTER)
        assert (refusal.value.code, refusal.value.status) == ("billing.invoice_not_found", 404)

    @pytest.mark.django_db(transaction=True)
    def test_is_cancelled_or_paid_and_the_money_is_kept_either_way(self) -> None:
        for _time in range(5):
            wallet = WalletFactory.create()
            invoice = InvoiceFactory.create(wallet=wallet)
            runners: list[Any] = [lambda: cancel(invoice), lambda: pay(invoice)]  # noqa: B023  runs within the round
            ran = outcomes(*runners)
            invoice.refresh_from_db()
            payment = Payment.objects.get(invoice=invoice)
            if invoice.status == "paid":
                assert ran.codes == {"billing.invoice_not_pending": 1}
                assert (payment.outcome, booked(wallet)[0]) == ("credited", 50)
            else:
                assert (invoice.status, ran.refusals) == ("cancelled", [])
                assert (payment.outcome, booked(wallet)[0]) == ("surplus", 0)


class TestExpire:
    def test_closes_an_invoice_at_its_moment_and_not_before(self, clock: TestClock) -> None:
        invoice = InvoiceFactory.create()
        minutes = INVOICE_LIFETIME_MINUTES.get()
        clock.advance(minutes=minutes, seconds=-1)
        assert invoices.expire(invoice_id=invoice.pk, by=TESTER) is False
        assert invoices.list_due() == []
        clock.advance(seconds=1)
        assert invoices.list_due() == [invoice.pk]
        assert invoices.expire(invoice_id=invoice.pk, by=TESTER) is True
        invoice.refresh_from_db()
        assert invoice.status == "expired"

    def test_leaves_paid_cancelled_and_expired_ones_alone(self, clock: TestClock) -> None:
        paid, cancelled, expired = (InvoiceFactory.create() for _number in range(3))
        pay(paid)
        cancel(cancelled)
        clock.advance(days=2)
        invoices.expire(invoice_id=expired.pk, by=TESTER)
        moved = snapshot()
        for invoice in (paid, cancelled, expired):
            assert invoices.expire(invoice_id=invoice.pk, by=TESTER) is False
        assert snapshot() == moved

    def test_sweeps_what_is_due_and_nothing_else(self, clock: TestClock) -> None:
        due = [InvoiceFactory.create() for _number in range(3)]
        clock.advance(days=2)
        fresh = InvoiceFactory.create()
        assert len(invoices.list_due(limit=2)) == 2
        assert invoices.sweep(by=TESTER) == 3
        assert invoices.sweep(by=TESTER) == 0
        assert {Invoice.objects.get(pk=each.pk).status for each in due} == {"expired"}
        fresh.refresh_from_db()
        assert fresh.status == "pending"

    def test_refuses_one_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.InvoiceNotFound):
            invoices.expire(invoice_id=uuid7(), by=TESTER)


class TestQueries:
    def test_list_by_customer_and_state(self) -> None:
        wallet = WalletFactory.create()
        mine = [InvoiceFactory.create(wallet=wallet) for _number in range(2)]
        InvoiceFactory.create()
        pay(mine[0])
        assert set(invoice_queries.list_invoices(user_id=wallet.user_id)) == set(mine)
        assert list(invoice_queries.list_invoices(user_id=wallet.user_id, status="paid")) == [mine[0]]
        assert invoice_queries.list_invoices(status="pending").count() == 2
        assert list(invoice_queries.list_invoices(user_id=uuid7())) == []

    def test_find_one(self) -> None:
        invoice = InvoiceFactory.create()
        assert invoice_queries.get_invoice(invoice.pk) == invoice
        with pytest.raises(errors.InvoiceNotFound):
            invoice_queries.get_invoice(uuid7())


def test_numbers_follow_one_another_in_the_order_of_payment(clock: TestClock) -> None:
    first, second, never = (InvoiceFactory.create() for _number in range(3))
    pay(second)
    cancel(never)
    pay(first)
    year = database_clock.now().year
    for invoice, number in ((second, f"{year}-000001"), (first, f"{year}-000002"), (never, None)):
        invoice.refresh_from_db()
        assert invoice.number == number
    clock.advance(days=366)
    next_year = InvoiceFactory.create()
    pay(next_year)
    next_year.refresh_from_db()
    assert next_year.number == f"{year + 1}-000001"
    assert Transaction.objects.filter(type="purchase").count() == 3
