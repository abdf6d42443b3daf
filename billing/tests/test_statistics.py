"""What a customer did, in numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from billing.models import Wallet
from billing.operations import expirations, holds
from billing.queries.statistics import UserStatistics, get_user_statistics
from billing.tests.deeds import charge, hold, pay
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    add_lot,
    funded_wallet,
)
from billing.tests.payment_factories import RefundFactory
from conftest import TestClock
from core import clock as database_clock
from core.errors import NotFound
from core.ids import uuid7
from core.money import Money

pytestmark = pytest.mark.django_db


def statistics(wallet: Wallet) -> UserStatistics:
    assert wallet.user_id is not None
    return get_user_statistics(wallet.user_id)


def at(clock: TestClock, moment: datetime) -> None:
    """Move the clock to a moment."""
    clock.advance(seconds=(moment - database_clock.now()).total_seconds())


def test_of_somebody_new_are_zero() -> None:
    wallet = WalletFactory.create()
    assert wallet.user is not None
    found = statistics(wallet)
    assert (found.balance, found.total_generated, found.generations_this_month) == (0, 0, 0)
    assert found.total_spent == Money(0, "RUB")
    assert (found.is_premium, found.member_since) == (wallet.user.is_premium, wallet.user.created_at)


def test_count_charges_and_captures_and_nothing_else(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=50)
    add_lot(wallet, 20, expires_in=timedelta(days=1))
    charge(wallet, 3)
    charge(wallet, 4)
    holds.capture(hold_id=hold(wallet, 5).pk, by=TESTER)
    holds.release(hold_id=hold(wallet, 5).pk, by=TESTER)
    hold(wallet, 2)
    clock.advance(days=1)
    expirations.book(wallet_id=wallet.pk, by=TESTER)
    charge(funded_wallet(), 1)
    assert statistics(wallet).total_generated == 3


def test_show_the_balance_without_what_has_expired(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=50)
    add_lot(wallet, 20, expires_in=timedelta(days=1))
    clock.advance(days=1)
    assert statistics(wallet).balance == 50


def test_this_month_begins_at_midnight_where_the_house_is(clock: TestClock) -> None:
    here = ZoneInfo(settings.TIME_ZONE)
    wallet = funded_wallet(tokens=50)
    midnight = datetime(database_clock.now().year + 1, 3, 1, tzinfo=here)
    at(clock, midnight - timedelta(seconds=1))
    charge(wallet, 1)
    assert statistics(wallet).generations_this_month == 1
    at(clock, midnight)
    assert statistics(wallet).generations_this_month == 0
    charge(wallet, 1)
    found = statistics(wallet)
    assert (found.generations_this_month, found.total_generated) == (1, 2)


class TestTotalSpent:
    def test_is_money_that_arrived_and_was_kept(self) -> None:
        wallet = WalletFactory.create()
        invoice = InvoiceFactory.create(wallet=wallet)
        pay(invoice)
        pay(invoice, provider_payment_id="a second one")
        InvoiceFactory.create(wallet=wallet)
        InvoiceFactory.create(wallet=wallet, promo_code=PromoCodeFactory.create(discount_value=100))
        assert statistics(wallet).total_spent == Money(29_800, "RUB")

    @pytest.mark.parametrize("policy", ["full", "goodwill"])
    def test_is_without_what_went_back_of_it(self, policy: str) -> None:
        wallet = WalletFactory.create()
        payment = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        RefundFactory.create(payment=payment, policy=policy, amount=Money(5_960, "RUB"))
        assert statistics(wallet).total_spent == Money(14_900 + 8_940, "RUB")
        RefundFactory.create(payment=payment, policy=policy)
        assert statistics(wallet).total_spent == Money(14_900, "RUB")

    def test_is_in_the_currency_of_most_payments(self) -> None:
        wallet = WalletFactory.create()
        stars = TariffFactory.create(price_stars=100)
        for amount in (Money(100, "XTR"), Money(100, "XTR"), None):
            pay(InvoiceFactory.create(wallet=wallet, tariff=stars), amount)
        assert statistics(wallet).total_spent == Money(200, "XTR")


def test_cost_the_same_however_much_there_is(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    busy = funded_wallet(tokens=50)
    for _time in range(5):
        charge(busy, 1)
        pay(InvoiceFactory.create(wallet=busy))
    quiet = WalletFactory.create()
    for wallet in (quiet, busy):
        with django_assert_num_queries(8):
            statistics(wallet)


def test_of_nobody_are_not_found() -> None:
    with pytest.raises(NotFound):
        get_user_statistics(uuid7())
