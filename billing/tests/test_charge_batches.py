"""Charging many at once: one statement, each item answered on its own."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from billing import errors
from billing.models import Transaction, Wallet
from billing.operations import charge_batches, wallets
from billing.operations.charge_batches import ChargeItem, ChargeResult
from billing.owners import Owner
from billing.tests.deeds import assert_books_are_true, booked, charge, hold, ledger
from billing.tests.factories import TESTER, add_lot, company_wallet, funded_wallet, new_key
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core.errors import DomainError, IdempotencyKeyInvalid
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def item(wallet: Wallet, tokens: int = 1, key: str | None = None) -> ChargeItem:
    return ChargeItem(Owner.wallet(wallet.pk), tokens, key or new_key())


def charge_many(*items: ChargeItem) -> list[ChargeResult]:
    return charge_batches.charge_many(items=items, by=TESTER)


def verdicts(results: list[ChargeResult]) -> list[str]:
    """The status of each result, or the code of its refusal."""
    return [result.error.code if result.error else result.status for result in results]


def test_charges_many_wallets() -> None:
    wallets = [funded_wallet(tokens=10) for _number in range(5)]
    results = charge_many(*[item(wallet, tokens) for tokens, wallet in enumerate(wallets, start=1)])
    assert verdicts(results) == ["charged"] * 5
    assert [booked(wallet) for wallet in wallets] == [(9, 0, 2), (8, 0, 2), (7, 0, 2), (6, 0, 2), (5, 0, 2)]


def test_writes_the_rows_that_single_charges_write() -> None:
    alone, together = funded_wallet(tokens=10), funded_wallet(tokens=10)
    key = new_key()
    single = charge(alone, 3, key=key, description="a brief", metadata={"n": [1, "я"]}).transaction
    (result,) = charge_many(ChargeItem(Owner.wallet(together.pk), 3, key, "a brief", {"n": [1, "я"]}))
    assert result.transaction is not None
    row, other = (Transaction.objects.get(pk=each.pk) for each in (single, result.transaction))
    for field in Transaction._meta.concrete_fields:
        if field.attname not in ("id", "wallet_id", "position", "created_at"):
            assert getattr(row, field.attname) == getattr(other, field.attname), field.name


def test_serves_one_wallet_in_order_as_far_as_its_balance_goes() -> None:
    wallet = funded_wallet(tokens=10)
    results = charge_many(*[item(wallet, tokens) for tokens in (4, 4, 4, 2, 1)])
    assert verdicts(results) == [
        "charged",
        "charged",
        "billing.insufficient_tokens",
        "charged",
        errors.InsufficientTokens.code,
    ]
    assert results[2].error is not None
    assert results[2].error.data == {"required": 4, "available": 2}
    assert ledger(wallet)[1:] == [("charge", -4, 6), ("charge", -4, 2), ("charge", -2, 0)]
    assert_books_are_true(wallet)


def test_answers_in_the_order_of_the_items() -> None:
    rich, poor = funded_wallet(tokens=10), funded_wallet(tokens=0)
    items = [item(poor), item(rich), item(poor), item(rich)]
    results = charge_many(*items)
    assert [result.key for result in results] == [each.key for each in items]
    assert verdicts(results) == ["billing.insufficient_tokens", "charged"] * 2


def test_finds_wallets_by_any_owner() -> None:
    person, company = funded_wallet(tokens=10), company_wallet()
    add_lot(company, 10)
    assert person.user is not None
    assert person.user.telegram_id is not None
    assert company.company_id is not None
    owners = [Owner.user(person.user.pk), Owner.telegram(person.user.telegram_id), Owner.company(company.company_id)]
    assert verdicts(charge_many(*[ChargeItem(owner, 2, new_key()) for owner in owners])) == ["charged"] * 3
    assert (booked(person)[0], booked(company)[0]) == (6, 8)


def test_gives_the_same_batch_the_same_answers() -> None:
    wallet, other = funded_wallet(tokens=3), funded_wallet(tokens=1)
    items = [item(wallet, 2), item(wallet, 1), item(other, 1)]
    first = charge_many(*items)
    moved = snapshot()
    again = charge_many(*items)
    assert verdicts(again) == ["replayed"] * 3
    assert [result.transaction for result in again] == [result.transaction for result in first]
    assert snapshot() == moved


def test_knows_the_keys_of_single_charges() -> None:
    wallet = funded_wallet(tokens=3)
    first = charge(wallet, 2, key="mine").transaction
    same, other = charge_many(item(wallet, 2, "mine"), item(wallet, 1, "mine"))
    assert (same.status, same.transaction) == ("replayed", first)
    assert isinstance(other.error, errors.IdempotencyMismatch)


def test_a_key_works_once_within_a_batch() -> None:
    wallet = funded_wallet(tokens=10)
    results = charge_many(item(wallet, 2, "twin"), item(wallet, 2, "twin"), item(wallet, 3, "twin"))
    assert verdicts(results) == ["charged", "replayed", "billing.idempotency_mismatch"]
    assert results[0].transaction == results[1].transaction
    assert booked(wallet) == (8, 0, 2)


def test_a_key_that_was_refused_is_not_used() -> None:
    wallet = funded_wallet(tokens=2)
    assert verdicts(charge_many(item(wallet, 5, "again"), item(wallet, 2, "again"))) == [
        "billing.insufficient_tokens",
        "charged",
    ]


@pytest.mark.parametrize(
    ("owner", "tokens", "key", "error"),
    [
        (Owner.wallet(uuid7()), 1, "k", errors.WalletNotFound),
        (Owner.telegram(1), 1, "k", errors.WalletNotFound),
        (None, 0, "k", errors.TokensOutOfRange),
        (None, 10**12 + 1, "k", errors.TokensOutOfRange),
        (None, 1, "", IdempotencyKeyInvalid),
        (None, 1, "billing:mine", IdempotencyKeyInvalid),
        (None, 11, "k", errors.InsufficientTokens),
    ],
)
def test_refuses_an_item_alone(owner: Owner | None, tokens: int, key: str, error: type[DomainError]) -> None:
    wallet, bystander = funded_wallet(tokens=10), funded_wallet(tokens=10)
    odd = ChargeItem(owner or Owner.wallet(wallet.pk), tokens, key)
    before, refused, after = charge_many(item(bystander), odd, item(bystander))
    assert type(refused.error) is error
    assert (before.status, refused.status, after.status) == ("charged", "refused", "charged")
    assert booked(wallet) == (10, 0, 1)
    assert booked(bystander) == (8, 0, 3)


def test_refuses_a_frozen_wallet_and_what_is_held() -> None:
    frozen, holding = funded_wallet(tokens=10), funded_wallet(tokens=10)
    wallets.freeze(owner=Owner.wallet(frozen.pk), reason="a doubt", by=TESTER)
    hold(holding, 9)
    results = charge_many(item(frozen), item(holding, 2), item(holding, 1))
    assert verdicts(results) == ["billing.wallet_frozen", "billing.insufficient_tokens", "charged"]
    assert_books_are_true(holding)


def test_moves_nothing_when_every_item_is_refused(transactional_db: None) -> None:
    wallet = funded_wallet(tokens=1)
    before = snapshot()
    assert verdicts(charge_many(item(wallet, 2), item(wallet, 3))) == ["billing.insufficient_tokens"] * 2
    assert snapshot() == before


def test_refuses_too_many(unmoved: Unmoved) -> None:
    wallet = funded_wallet(tokens=10)
    with unmoved(errors.BatchTooLarge) as refusal:
        charge_many(*[item(wallet)] * (charge_batches.MAX_ITEMS + 1))
    assert (refusal.value.code, refusal.value.status) == ("billing.batch_too_large", 400)
    assert refusal.value.data == {"items": 1_001, "maximum": 1_000}


def test_does_nothing_with_nothing() -> None:
    assert charge_many() == []


def test_books_what_is_due_and_charges_the_rest(clock: TestClock) -> None:
    wallet, other = funded_wallet(tokens=20, expires_in=timedelta(days=1)), funded_wallet(tokens=10)
    add_lot(wallet, 5)
    ran_out = hold(other, 10, expires_in=60)
    clock.advance(days=2)
    results = charge_many(item(wallet, 5), item(other, 10), item(wallet, 1))
    assert verdicts(results) == ["charged", "charged", "billing.insufficient_tokens"]
    ran_out.refresh_from_db()
    assert ran_out.state == "expired"
    assert ledger(wallet)[2:] == [("expiration", -20, 5), ("charge", -5, 0)]
    assert_books_are_true(wallet)
    assert_books_are_true(other)


@pytest.mark.django_db(transaction=True)
def test_is_one_statement_however_many_items(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    wallets = [funded_wallet(tokens=100) for _number in range(3)]
    for count in (1, 100):
        with django_assert_num_queries(1):
            charge_many(*[item(wallets[number % 3]) for number in range(count)])
    for wallet in wallets:
        assert_books_are_true(wallet)
