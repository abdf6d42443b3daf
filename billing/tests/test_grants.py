"""Manual credits by staff: with a reason, once for a key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.models import AuditLog
from billing import errors
from billing.models import Transaction, Wallet
from billing.models.tariff import MAX_TOKENS
from billing.operations import grants, wallets
from billing.operations.credits import Credited
from billing.owners import Owner
from billing.tests.deeds import assert_books_are_true, booked, charge, ledger
from billing.tests.factories import TESTER, company_wallet, funded_wallet, new_key
from billing.tests.races import lined_up
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.errors import IdempotencyKeyInvalid, ReasonMissing
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def give(wallet: Wallet, tokens: int = 5, **changed: Any) -> Credited:
    asked: dict[str, Any] = {"reason": "an apology", "key": "mine", **changed}
    given = grants.give(owner=Owner.wallet(wallet.pk), tokens=tokens, by=TESTER, **asked)
    assert given.transaction is not None
    return Credited(given.transaction, given.replayed)


def test_credits_a_lot_with_its_reason() -> None:
    wallet = funded_wallet(tokens=10)
    expires_at = database_clock.now() + timedelta(days=30)
    credited = give(wallet, 5, reason="  an apology ", expires_at=expires_at)
    row = Transaction.objects.get(pk=credited.transaction.pk)
    assert not credited.replayed
    assert (row.type, row.tokens_delta, row.balance_after, row.sequence) == ("grant", 5, 15, 2)
    assert (row.description, row.metadata, row.expires_at) == ("an apology", {"reason": "an apology"}, expires_at)
    assert row.actor == {"kind": "system", "id": "tests", "label": "tests"}
    assert booked(wallet) == (15, 0, 2)
    assert wallet.next_expiry_at == expires_at
    assert_books_are_true(wallet)


def test_is_written_into_the_audit_log() -> None:
    wallet = funded_wallet(tokens=0)
    credited = give(wallet, 5, reason="an apology")
    deed = AuditLog.objects.get(action="billing.grant.given")
    assert (deed.entity_type, deed.entity_id) == ("billing.wallet", str(wallet.pk))
    assert deed.actor == {"kind": "system", "id": "tests", "label": "tests"}
    assert deed.metadata["reason"] == "an apology"
    assert deed.metadata["tokens"] == 5
    assert deed.metadata["transaction"] == str(credited.transaction.pk)


def test_keeps_a_long_reason_whole() -> None:
    reason = "я" * 1_000
    row = give(funded_wallet(), reason=reason).transaction
    assert (row.description, row.metadata["reason"]) == ("я" * 255, reason)


def test_credits_a_companys_wallet() -> None:
    wallet = company_wallet()
    give(wallet, 7)
    assert ledger(wallet) == [("grant", 7, 7)]


def test_credits_a_frozen_wallet() -> None:
    """Freezing stops a wallet from paying, not from being given to."""
    wallet = funded_wallet(tokens=1)
    wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
    give(wallet, 5)
    assert booked(wallet) == (6, 0, 2)


@pytest.mark.parametrize("days", [None, 1])
def test_gives_the_first_credit_back_for_its_key(days: int | None) -> None:
    wallet = funded_wallet(tokens=0)
    expires_at = database_clock.now() + timedelta(days=days) if days else None
    first = give(wallet, 5, expires_at=expires_at)
    moved = snapshot()
    again = give(wallet, 5, expires_at=expires_at)
    assert again.replayed
    assert again.transaction == first.transaction
    assert snapshot() == moved


def test_gives_a_spent_and_expired_credit_back(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=0)
    expires_at = database_clock.now() + timedelta(days=1)
    first = give(wallet, 5, expires_at=expires_at)
    charge(wallet, 5)
    clock.advance(days=2)
    assert give(wallet, 5, expires_at=expires_at).transaction == first.transaction


@pytest.mark.parametrize("changed", [{"tokens": 6}, {"reason": "another"}, {"expires_in": 2}, {"expires_in": None}])
def test_refuses_a_key_that_stands_for_another_request(unmoved: Unmoved, changed: dict[str, Any]) -> None:
    wallet = funded_wallet(tokens=0)
    begun = database_clock.now()

    def ask(*, tokens: int = 5, reason: str = "an apology", expires_in: int | None = 1) -> None:
        expires_at = begun + timedelta(days=expires_in) if expires_in else None
        give(wallet, tokens, reason=reason, expires_at=expires_at)

    ask()
    with unmoved(errors.IdempotencyMismatch):
        ask(**changed)


def test_refuses_a_key_whose_reasons_differ_at_their_ends(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=0)
    give(wallet, reason="x" * 255 + "one")
    with unmoved(errors.IdempotencyMismatch):
        give(wallet, reason="x" * 255 + "other")


def test_refuses_a_key_that_a_charge_has_used(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    charge(wallet, 5, key="mine")
    with unmoved(errors.IdempotencyMismatch):
        give(wallet, 5)


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_refuses_to_give_without_a_reason(unmoved: Unmoved, reason: str) -> None:
    wallet = funded_wallet()
    with unmoved(ReasonMissing) as refusal:
        give(wallet, reason=reason)
    assert list(refusal.value.fields) == ["reason"]


@pytest.mark.parametrize("seconds", [0, -1, -86_400])
def test_refuses_an_expiry_that_is_not_in_the_future(unmoved: Unmoved, seconds: int) -> None:
    wallet = funded_wallet()
    expires_at = database_clock.now() + timedelta(seconds=seconds)
    with unmoved(errors.ExpiryInThePast) as refusal:
        give(wallet, expires_at=expires_at)
    assert list(refusal.value.fields) == ["expires_at"]
    assert (refusal.value.code, refusal.value.status) == ("billing.expiry_in_the_past", 400)


def test_judges_the_expiry_by_the_databases_clock(clock: TestClock) -> None:
    expires_at = database_clock.now() + timedelta(days=1)
    clock.advance(days=2)
    with pytest.raises(errors.ExpiryInThePast):
        give(funded_wallet(), expires_at=expires_at)


@pytest.mark.parametrize("tokens", [0, -1, MAX_TOKENS + 1, True, 1.5, "1"])
def test_refuses_numbers_out_of_range(unmoved: Unmoved, tokens: Any) -> None:
    wallet = funded_wallet()
    with unmoved(errors.TokensOutOfRange):
        give(wallet, tokens)


@pytest.mark.parametrize("key", ["", "ключ", "x" * 256, "billing:invoice:1:purchase"])
def test_refuses_keys_that_are_none(unmoved: Unmoved, key: str) -> None:
    wallet = funded_wallet()
    with unmoved(IdempotencyKeyInvalid):
        give(wallet, key=key)


def test_refuses_a_wallet_that_is_not_there(unmoved: Unmoved) -> None:
    with unmoved(errors.WalletNotFound):
        grants.give(owner=Owner.user(uuid7()), tokens=1, reason="an apology", key=new_key(), by=TESTER)


@pytest.mark.django_db(transaction=True)
def test_a_key_credits_once_for_all_who_race_for_it() -> None:
    wallet = funded_wallet(tokens=0)
    ran = lined_up(wallet, *[lambda: give(wallet, 5)] * 6)
    assert len({credited.transaction.pk for credited in ran.results}) == 1
    assert [credited.replayed for credited in ran.results].count(False) == 1
    assert booked(wallet) == (5, 0, 1)
    assert AuditLog.objects.filter(action="billing.grant.given").count() == 1
