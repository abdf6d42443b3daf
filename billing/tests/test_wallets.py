"""Wallets: one for each owner, frozen and unfrozen by staff."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from accounts.tests.factories import CompanyFactory, UserFactory
from audit.models import AuditLog
from billing import errors
from billing.models import Wallet
from billing.operations import holds, wallets
from billing.owners import Owner
from billing.queries import balances, transactions
from billing.tests.deeds import booked, charge, hold, pay
from billing.tests.factories import TESTER, InvoiceFactory, WalletFactory, company_wallet, funded_wallet
from billing.tests.races import lined_up, outcomes
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core.errors import ReasonMissing
from core.ids import uuid7

pytestmark = pytest.mark.django_db

Change = Callable[..., Wallet]
CHANGES = pytest.mark.parametrize("change", [wallets.freeze, wallets.unfreeze], ids=["freeze", "unfreeze"])


class TestOpen:
    def test_gives_a_person_an_empty_wallet(self) -> None:
        user = UserFactory.create()
        wallet = wallets.open_for_user(user_id=user.pk, by=TESTER)
        assert (wallet.user_id, wallet.company_id) == (user.pk, None)
        assert booked(wallet) == (0, 0, 0)
        assert (wallet.debt_tokens, wallet.frozen_at, wallet.next_expiry_at) == (0, None, None)

    def test_gives_a_company_a_wallet(self) -> None:
        company = CompanyFactory.create()
        wallet = wallets.open_for_company(company_id=company.pk, by=TESTER)
        assert (wallet.user_id, wallet.company_id) == (None, company.pk)

    def test_finds_the_first_one_the_second_time(self) -> None:
        user, company = UserFactory.create(), CompanyFactory.create()
        first = (
            wallets.open_for_user(user_id=user.pk, by=TESTER),
            wallets.open_for_company(company_id=company.pk, by=TESTER),
        )
        moved = snapshot()
        again = (
            wallets.open_for_user(user_id=user.pk, by=TESTER),
            wallets.open_for_company(company_id=company.pk, by=TESTER),
        )
        assert again == first
        assert snapshot() == moved

    @pytest.mark.django_db(transaction=True)
    def test_opens_one_when_many_ask_at_once(self) -> None:
        company = CompanyFactory.create()
        ran = outcomes(*[lambda: wallets.open_for_company(company_id=company.pk, by=TESTER)] * 8)
        assert len({wallet.pk for wallet in ran.results}) == 1
        assert Wallet.objects.filter(company=company).count() == 1


class TestNames:
    def test_are_the_owners_where_they_are_at_hand_and_cost_nothing(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        wallet = WalletFactory.create(user=UserFactory.create(first_name="Anna", last_name="Orlova"))
        loaded, bare = Wallet.objects.select_related("user").get(), Wallet.objects.get()
        with django_assert_num_queries(0), translation.override("en"):
            assert (str(loaded), str(bare)) == ("wallet of Anna Orlova", f"wallet of {wallet.user_id}")


class TestFreeze:
    def test_stops_a_wallet_from_paying_for_anything_new(self) -> None:
        wallet = funded_wallet(tokens=10)
        frozen = wallets.freeze(owner=Owner.wallet(wallet.pk), reason=" a doubt ", by=TESTER)
        assert frozen.frozen_at is not None
        assert frozen.frozen_reason == "a doubt"
        with pytest.raises(errors.WalletFrozen):
            charge(wallet, 1)

    def test_takes_nothing_away(self) -> None:
        wallet = funded_wallet(tokens=10)
        placed = hold(wallet, 4)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        holds.release(hold_id=placed.pk, by=TESTER)
        assert booked(wallet) == (10, 0, 1)

    def test_lets_paid_tokens_arrive(self) -> None:
        wallet = WalletFactory.create()
        invoice = InvoiceFactory.create(wallet=wallet)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        assert pay(invoice).payment.outcome == "credited"
        assert booked(wallet)[0] == invoice.tokens

    def test_is_written_into_the_audit_log_with_its_reason(self) -> None:
        wallet = funded_wallet()
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        deed = AuditLog.objects.get(action="billing.wallet.frozen")
        assert (deed.entity_id, deed.actor["label"], deed.metadata["reason"]) == (str(wallet.pk), "tests", "a doubt")
        row = AuditLog.objects.filter(entity_id=str(wallet.pk)).exclude(pk=deed.pk).latest("pk")
        assert row.old_value == {"frozen_at": None, "frozen_reason": ""}
        assert row.new_value is not None
        assert row.new_value["frozen_reason"] == "a doubt"
        assert row.metadata["reason"] == "a doubt"

    def test_freezing_a_frozen_wallet_changes_nothing(self, clock: TestClock) -> None:
        wallet = funded_wallet()
        first = wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        clock.advance(hours=1)
        moved = snapshot()
        again = wallets.freeze(owner=Owner.wallet(wallet.pk), reason="another doubt", by=TESTER)
        assert again.frozen_at == first.frozen_at
        assert snapshot() == moved

    @pytest.mark.django_db(transaction=True)
    def test_is_recorded_once_when_two_freeze_at_once(self) -> None:
        wallet = funded_wallet()
        lined_up(wallet, *[lambda: wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)] * 3)
        assert AuditLog.objects.filter(action="billing.wallet.frozen").count() == 1


class TestUnfreeze:
    def test_lets_a_wallet_pay_again(self) -> None:
        wallet = funded_wallet(tokens=10)
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        thawed = wallets.unfreeze(owner=Owner.wallet(wallet.pk), reason="no doubt any more", by=TESTER)
        assert (thawed.frozen_at, thawed.frozen_reason) == (None, "")
        charge(wallet, 10)
        deed = AuditLog.objects.get(action="billing.wallet.unfrozen")
        assert deed.metadata["reason"] == "no doubt any more"

    def test_unfreezing_a_wallet_that_is_not_frozen_changes_nothing(self) -> None:
        wallet = funded_wallet()
        moved = snapshot()
        wallets.unfreeze(owner=Owner.wallet(wallet.pk), reason="no doubt", by=TESTER)
        assert snapshot() == moved


@CHANGES
@pytest.mark.parametrize("reason", ["", " \n"])
def test_refuses_to_go_without_a_reason(unmoved: Unmoved, change: Change, reason: str) -> None:
    wallet = funded_wallet()
    with unmoved(ReasonMissing) as refusal:
        change(owner=Owner.wallet(wallet.pk), reason=reason, by=TESTER)
    assert list(refusal.value.fields) == ["reason"]


@CHANGES
def test_refuses_a_wallet_that_is_not_there(unmoved: Unmoved, change: Change) -> None:
    funded_wallet()
    with unmoved(errors.WalletNotFound):
        change(owner=Owner.user(uuid7()), reason="a doubt", by=TESTER)


class TestOwners:
    def test_each_way_of_naming_finds_the_wallet(self) -> None:
        person, company = WalletFactory.create(), company_wallet()
        assert person.user is not None
        assert person.user.telegram_id is not None
        assert company.company_id is not None
        for owner in (Owner.user(person.user.pk), Owner.telegram(person.user.telegram_id), Owner.wallet(person.pk)):
            assert balances.get_wallet(owner) == balances.find_wallet(owner) == person
        assert balances.get_wallet(Owner.company(company.company_id)) == company

    @pytest.mark.parametrize(
        "owner", [Owner.user(uuid7()), Owner.telegram(1), Owner.company(uuid7())], ids=lambda owner: owner.kind
    )
    def test_nobodys_wallet_is_not_found(self, owner: Owner) -> None:
        WalletFactory.create()
        assert balances.find_wallet(owner) is None
        for ask in (balances.get_wallet, balances.get_balance, transactions.list_transactions):
            with pytest.raises(errors.WalletNotFound):
                ask(owner)

    def test_the_ledger_of_one_wallet_is_listed(self) -> None:
        wallet, _other = funded_wallet(tokens=10), funded_wallet(tokens=20)
        charge(wallet, 3)
        deltas = transactions.list_transactions(Owner.wallet(wallet.pk)).values_list("tokens_delta", flat=True)
        assert sorted(deltas) == [-3, 10]
