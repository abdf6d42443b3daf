"""Charging tokens, one at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from billing import errors
from billing.models import Transaction, Wallet
from billing.models.tariff import MAX_TOKENS
from billing.operations import charges, wallets
from billing.owners import Owner
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, ledger, shown
from billing.tests.factories import TESTER, add_lot, company_wallet, funded_wallet, new_key
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core.errors import IdempotencyKeyInvalid
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def test_takes_tokens_and_writes_one_row() -> None:
    wallet = funded_wallet(tokens=10)
    key = new_key()
    charged = charge(wallet, 3, key=key, description="a brief", metadata={"brief": 17})
    row = Transaction.objects.get(pk=charged.transaction.pk)
    assert not charged.replayed
    assert (row.wallet_id, row.sequence, row.type) == (wallet.pk, 2, "charge")
    assert (row.tokens_delta, row.balance_after) == (-3, 7)
    assert (row.description, row.metadata, row.idempotency_key) == ("a brief", {"brief": 17}, key)
    assert row.actor == {"kind": "system", "id": "tests", "label": "tests"}
    assert (row.invoice_id, row.hold_id, row.reverses_id, row.expires_at) == (None, None, None, None)
    assert booked(wallet) == (7, 0, 2)


def test_answers_with_the_row_as_it_is_stored() -> None:
    charged = charge(funded_wallet(), 3, metadata={"a": [1, None, "я"]}).transaction
    stored = Transaction.objects.get(pk=charged.pk)
    for field in Transaction._meta.concrete_fields:
        was, is_now = getattr(charged, field.attname), getattr(stored, field.attname)
        assert (bytes(was), bytes(is_now)) if field.name == "request_hash" else (was == is_now), field.name


def test_takes_the_last_token() -> None:
    wallet = funded_wallet(tokens=1)
    charge(wallet, 1)
    assert booked(wallet) == (0, 0, 2)


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(lambda wallet: Owner.user(wallet.user_id), id="user"),
        pytest.param(lambda wallet: Owner.telegram(wallet.user.telegram_id), id="telegram"),
        pytest.param(lambda wallet: Owner.wallet(wallet.pk), id="wallet"),
    ],
)
def test_finds_a_persons_wallet(owner: Callable[[Wallet], Owner]) -> None:
    wallet, other = funded_wallet(tokens=10), funded_wallet(tokens=10)
    charges.charge(owner=owner(wallet), tokens=4, key=new_key(), by=TESTER)
    assert booked(wallet)[0] == 6
    assert booked(other)[0] == 10


def test_finds_a_companys_wallet() -> None:
    wallet = company_wallet()
    add_lot(wallet, 10)
    assert wallet.company_id is not None
    charges.charge(owner=Owner.company(wallet.company_id), tokens=4, key=new_key(), by=TESTER)
    assert booked(wallet)[0] == 6


# A test's own transaction makes a charge a guest, and guests pay for a savepoint: two statements more.
@pytest.mark.django_db(transaction=True)
def test_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    wallet = funded_wallet(tokens=10, expires_in=timedelta(days=1))
    key = new_key()
    with django_assert_num_queries(1):
        charge(wallet, 3, key=key)
    with django_assert_num_queries(1):
        assert charge(wallet, 3, key=key).replayed


def test_gives_the_first_charge_back_for_its_key() -> None:
    wallet = funded_wallet(tokens=10)
    key = new_key()
    first = charge(wallet, 3, key=key, description="a brief", metadata={"n": 1})
    moved = snapshot()
    again = charge(wallet, 3, key=key, description="a brief", metadata={"n": 1})
    assert again.replayed
    assert again.transaction == first.transaction
    assert snapshot() == moved


def test_gives_the_last_charge_of_a_spent_wallet_back() -> None:
    wallet = funded_wallet(tokens=3)
    key = new_key()
    first = charge(wallet, 3, key=key)
    assert charge(wallet, 3, key=key).transaction == first.transaction


def test_gives_a_charge_of_a_frozen_wallet_back() -> None:
    wallet = funded_wallet(tokens=3)
    key = new_key()
    first = charge(wallet, 1, key=key)
    wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
    assert charge(wallet, 1, key=key).transaction == first.transaction


def test_gives_a_charge_back_while_something_is_due(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=3, expires_in=timedelta(days=1))
    key = new_key()
    first = charge(wallet, 1, key=key)
    clock.advance(days=2)
    assert charge(wallet, 1, key=key).transaction == first.transaction
    assert booked(wallet) == (2, 0, 2)


def test_a_key_is_a_wallets_own() -> None:
    one, other = funded_wallet(), funded_wallet()
    key = new_key()
    assert not charge(one, 1, key=key).replayed
    assert not charge(other, 1, key=key).replayed


@pytest.mark.parametrize("asked", [{"tokens": 2}, {"description": "another"}, {"metadata": {"n": 2}}])
def test_refuses_a_key_that_stands_for_another_request(unmoved: Unmoved, asked: dict[str, Any]) -> None:
    wallet = funded_wallet(tokens=10)
    key = new_key()
    first: dict[str, Any] = {"tokens": 1, "description": "one", "metadata": {"n": 1}}
    charge(wallet, key=key, **first)
    with unmoved(errors.IdempotencyMismatch) as refusal:
        charge(wallet, key=key, **{**first, **asked})
    assert (refusal.value.code, refusal.value.status) == ("billing.idempotency_mismatch", 422)


def test_refuses_a_key_that_a_credit_has_used(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    key = Transaction.objects.get(wallet=wallet).idempotency_key
    with unmoved(errors.IdempotencyMismatch):
        charge(wallet, 10, key=key)


def test_refuses_more_than_is_left(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    with unmoved(errors.InsufficientTokens) as refusal:
        charge(wallet, 11)
    assert refusal.value.data == {"required": 11, "available": 10}
    assert (refusal.value.code, refusal.value.status) == ("billing.insufficient_tokens", 402)


def test_refuses_what_is_held(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    hold(wallet, 8)
    with unmoved(errors.InsufficientTokens) as refusal:
        charge(wallet, 3)
    assert refusal.value.data == {"required": 3, "available": 2}


def test_refuses_an_empty_wallet(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=0)
    with unmoved(errors.InsufficientTokens) as refusal:
        charge(wallet, 1)
    assert refusal.value.data == {"required": 1, "available": 0}


def test_refuses_a_frozen_wallet(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
    with unmoved(errors.WalletFrozen) as refusal:
        charge(wallet, 3)
    assert refusal.value.data == {"required": 3, "available": 10}
    assert (refusal.value.code, refusal.value.status) == ("billing.wallet_frozen", 402)


@pytest.mark.parametrize(
    "owner",
    [Owner.user(uuid7()), Owner.telegram(1), Owner.company(uuid7()), Owner.wallet(uuid7())],
    ids=lambda owner: owner.kind,
)
def test_refuses_a_wallet_that_is_not_there(unmoved: Unmoved, owner: Owner) -> None:
    funded_wallet()
    with unmoved(errors.WalletNotFound) as refusal:
        charges.charge(owner=owner, tokens=1, key=new_key(), by=TESTER)
    assert (refusal.value.code, refusal.value.status) == ("billing.wallet_not_found", 404)


@pytest.mark.parametrize("tokens", [0, -1, MAX_TOKENS + 1, 2**63, True, 1.5, "1", None])
def test_refuses_numbers_out_of_range(unmoved: Unmoved, tokens: Any) -> None:
    wallet = funded_wallet()
    with unmoved(errors.TokensOutOfRange) as refusal:
        charge(wallet, tokens)
    assert (refusal.value.code, refusal.value.status) == ("billing.tokens_out_of_range", 400)
    assert list(refusal.value.fields) == ["tokens"]


def test_refuses_keys_that_are_none(unmoved: Unmoved) -> None:
    wallet = funded_wallet()
    with unmoved(IdempotencyKeyInvalid):
        charge(wallet, 1, key="billing:mine")


def test_books_what_has_expired_before_it_takes_from_the_rest(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    add_lot(wallet, 50)
    clock.advance(days=2)
    charge(wallet, 30)
    assert ledger(wallet)[2:] == [("expiration", -20, 50), ("charge", -30, 20)]
    assert_books_are_true(wallet)


def test_does_not_spend_what_has_expired(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    clock.advance(days=1)
    with pytest.raises(errors.InsufficientTokens) as refusal:
        charge(wallet, 1)
    assert refusal.value.data == {"required": 1, "available": 0}
    # What had to be booked on the way is booked.
    assert ledger(wallet)[1:] == [("expiration", -20, 0)]


def test_takes_the_tokens_of_a_hold_that_ran_out(clock: TestClock) -> None:
    wallet = funded_wallet(tokens=10)
    ran_out = hold(wallet, 10, expires_in=60)
    clock.advance(seconds=61)
    charge(wallet, 10)
    ran_out.refresh_from_db()
    assert ran_out.state == "expired"
    assert shown(wallet) == (0, 0)
    assert_books_are_true(wallet)


@pytest.mark.django_db(transaction=True)
def test_goes_back_with_its_callers_transaction() -> None:
    wallet = funded_wallet(tokens=10)
    before = snapshot()
    with transaction.atomic():
        charge(wallet, 3)
        transaction.set_rollback(True)
    assert snapshot() == before


@pytest.mark.django_db(transaction=True)
def test_survives_a_violation_inside_its_callers_transaction() -> None:
    """A refusal does not doom the caller: the charge runs in a savepoint of its own."""
    wallet = funded_wallet(tokens=10)
    with transaction.atomic():
        with pytest.raises(errors.InsufficientTokens):
            charge(wallet, 11)
        charge(wallet, 3)
    assert not connection.in_atomic_block
    assert booked(wallet) == (7, 0, 2)


@pytest.mark.parametrize("text", ["x" * 255, "я" * 255, "'; DROP TABLE billing_wallet; --", "%s %(key)s {}", ""])
def test_keeps_descriptions_as_they_are(text: str) -> None:
    assert charge(funded_wallet(), 1, description=text).transaction.description == text
