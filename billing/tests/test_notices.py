"""Jobs notice balances that have become low and tokens that expire soon, each once, at no cost to the charge."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.models import Announcement, LowBalanceCheckpoint
from billing.operations import notices
from billing.tests import deeds
from billing.tests.factories import TESTER, WalletFactory, add_lot, funded_wallet
from billing.tests.races import outcomes
from conftest import TestClock
from core.jobs.drain import run_due
from core.operations import settings
from core.runtime_settings import forget_cached

pytestmark = pytest.mark.django_db(transaction=True)


def told(type: str) -> list[int]:
    return [each.payload["tokens"] for each in Announcement.objects.filter(type=type).order_by("id")]


def set_to(name: str, value: int) -> None:
    settings.change(key=f"billing.{name}", value=value, reason="a test", by=TESTER)
    forget_cached()


class TestLowBalances:
    def test_are_told_of_once_for_each_time_they_fall(self) -> None:
        wallet = funded_wallet(tokens=20)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == []
        deeds.charge(wallet, 11)
        notices.sweep_low_balances(by=TESTER)
        deeds.charge(wallet, 2)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == [9]
        add_lot(wallet, 20)
        notices.sweep_low_balances(by=TESTER)
        deeds.charge(wallet, 25)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == [9, 2]

    def test_are_told_of_when_they_rose_and_fell_between_two_looks(self) -> None:
        wallet = funded_wallet(tokens=20)
        deeds.charge(wallet, 15)
        notices.sweep_low_balances(by=TESTER)
        add_lot(wallet, 20)
        deeds.charge(wallet, 22)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == [5, 3]

    def test_that_were_never_more_are_no_news(self) -> None:
        funded_wallet(tokens=5)
        WalletFactory.create()
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == []

    def test_at_the_limit_are_not_below_it(self) -> None:
        wallet = funded_wallet(tokens=20)
        deeds.charge(wallet, 10)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == []
        deeds.charge(wallet, 1)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == [9]

    def test_are_told_of_to_nobody_where_the_limit_is_nothing(self) -> None:
        set_to("low_balance_tokens", 0)
        deeds.charge(funded_wallet(tokens=20), 20)
        notices.sweep_low_balances(by=TESTER)
        assert told("wallet.low") == []

    def test_are_told_of_once_by_many_at_once(self) -> None:
        for _wallet in range(3):
            deeds.charge(funded_wallet(tokens=20), 15)
        outcomes(*[lambda: notices.announce_low_balances(by=TESTER)] * 4)
        assert told("wallet.low") == [5, 5, 5]

    def test_of_wallets_that_have_not_moved_are_not_looked_at(self) -> None:
        funded_wallet(tokens=20)
        assert notices.announce_low_balances(by=TESTER) == 1
        assert notices.announce_low_balances(by=TESTER) == 0
        assert LowBalanceCheckpoint.objects.get().balance == 20


class TestExpiringTokens:
    def test_are_told_of_once_for_each_lot(self, clock: TestClock) -> None:
        wallet = funded_wallet(tokens=30, expires_in=timedelta(days=5))
        add_lot(wallet, 40, expires_in=timedelta(days=9))
        add_lot(wallet, 50)
        notices.sweep_expiring_tokens(by=TESTER)
        assert told("tokens.expiring") == []
        deeds.charge(wallet, 7)
        clock.advance(days=2, hours=1)
        for _again in range(2):
            notices.sweep_expiring_tokens(by=TESTER)
        assert told("tokens.expiring") == [23]
        row = Announcement.objects.get(type="tokens.expiring")
        assert (row.wallet, row.payload["lot"]) == (wallet, str(wallet.transactions.get(sequence=1).pk))
        clock.advance(days=4)
        notices.sweep_expiring_tokens(by=TESTER)
        assert told("tokens.expiring") == [23, 40]

    def test_that_were_spent_are_no_news(self) -> None:
        wallet = funded_wallet(tokens=30, expires_in=timedelta(days=1))
        deeds.charge(wallet, 30)
        notices.sweep_expiring_tokens(by=TESTER)
        assert told("tokens.expiring") == []

    def test_are_told_of_to_nobody_where_no_days_are_set(self) -> None:
        set_to("expiry_notice_days", 0)
        funded_wallet(tokens=30, expires_in=timedelta(hours=1))
        notices.sweep_expiring_tokens(by=TESTER)
        assert told("tokens.expiring") == []

    def test_are_told_of_once_by_many_at_once(self) -> None:
        wallet = funded_wallet(tokens=30, expires_in=timedelta(days=1))
        outcomes(*[lambda: notices.announce_expiring_tokens(wallet_id=wallet.pk, by=TESTER)] * 4)
        assert told("tokens.expiring") == [30]


def test_jobs_look() -> None:
    deeds.charge(funded_wallet(tokens=30, expires_in=timedelta(days=1)), 25)
    run_due(periods=True)
    assert (told("wallet.low"), told("tokens.expiring")) == ([5], [5])
