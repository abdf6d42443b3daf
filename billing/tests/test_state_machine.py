"""
Billing against a model of itself: any sequence of deeds leaves the wallets as plain Python says, and the books true.

Each example is a story of up to thirty steps: two customers pay, spend, hold, get refunds and let tokens expire.
Hypothesis chooses the steps, and prints the shortest story that fails with what makes it happen again. The negative
controls tell the same stories with one rule broken, and must be caught.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import Any, ClassVar, Final
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from billing.models import Hold, Invoice, Transaction, Wallet
from billing.operations import (
    charges,
    credits,
    expirations,
    grants,
    holds,
    invoices,
    payments,
    reconciliation,
    wallets,
)
from billing.operations.charge_batches import ChargeItem, charge_many
from billing.owners import Owner
from billing.queries import balances
from billing.runtime_settings import INVOICE_LIFETIME_MINUTES
from billing.tests import invariants
from billing.tests.factories import TESTER, PromoCodeFactory, TariffFactory, WalletFactory, new_key
from billing.tests.plain_books import (
    PlainCode,
    PlainHold,
    PlainInvoice,
    PlainLot,
    PlainTariff,
    PlainWallet,
    Refused,
)
from conftest import TestClock
from core import clock as database_clock
from core.errors import DomainError
from core.money import Money

HOUR: Final = 3_600
TARIFF: Final = PlainTariff(price=14_900, tokens=20, validity=24 * HOUR)

EXAMPLES: Final = 30
STEPS: Final = 30
# Where others keep the machine busy, fewer stories must do.
SECONDS: Final = 40

tokens = st.integers(1, 40)
# Few, so that stories meet their own moments again: a lot and a hold that end at the same one, and right then.
hours = st.integers(1, 4)
customers = st.integers(0, 1)
# Few, so that keys come again, with the same request and with another.
keys = st.sampled_from(["a", "b", "c", "d"])


class Books(RuleBasedStateMachine):
    """The deeds, each done twice: by the house and by the model. Both refuse alike or neither does."""

    # What a negative control puts in the model's place.
    plain_wallet: ClassVar[type[PlainWallet]] = PlainWallet

    lots: Bundle[tuple[UUID, PlainLot, PlainWallet]] = Bundle("lots")
    holds: Bundle[tuple[Hold, PlainHold, PlainWallet]] = Bundle("holds")
    invoices: Bundle[tuple[Invoice, PlainInvoice]] = Bundle("invoices")

    def __init__(self) -> None:
        super().__init__()
        # One transaction for the story: its now() stands still, so that time moves by whole hours and nothing else.
        self.story = transaction.atomic()
        self.story.__enter__()
        self.clock = TestClock()
        self.now = 0
        # Whether the last step left everything as it should be: a failure is not to be followed by another.
        self.is_true = False

    def teardown(self) -> None:
        """Every story ends with the nightly job: all is swept, and a whole reconciliation finds nothing."""
        try:
            if hasattr(self, "wallets") and self.is_true:
                self.sweep()
                self.wallets_are_as_the_model_says()
                assert reconciliation.run(full=True, by=TESTER).divergences == ()
        finally:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        self.began = database_clock.now()
        self.wallets: list[tuple[Wallet, PlainWallet]] = [
            (WalletFactory.create(), self.plain_wallet()) for _customer in range(2)
        ]
        # Nobody begins with nothing: most deeds of an empty wallet are refusals.
        for customer in range(2):
            self.credit(customer, 20, 2)
            self.credit(customer, 30, None)
        self.tariff = TariffFactory.create(price=TARIFF.price, tokens=TARIFF.tokens, token_validity_days=1)
        self.codes: list[tuple[str | None, PlainCode | None]] = [(None, None)]
        for kind, value, plain in (
            ("percent", 33, PlainCode(most=3, most_per_wallet=2, off=33)),
            ("percent", 100, PlainCode(most=1, most_per_wallet=1, off=100)),
            ("bonus_tokens", 7, PlainCode(most=2, most_per_wallet=1, bonus=7)),
        ):
            made = PromoCodeFactory.create(
                discount_type=kind,
                discount_value=value,
                max_uses=plain.most,
                max_uses_per_wallet=plain.most_per_wallet,
            )
            self.codes.append((made.code, plain))
        self.invoices_made: list[tuple[Invoice, PlainInvoice]] = []

    @rule(target=lots, customer=customers, tokens=tokens, hours=st.none() | hours)
    def credit(self, customer: int, tokens: int, hours: int | None) -> tuple[UUID, PlainLot, PlainWallet]:
        wallet, plain = self.wallets[customer]
        ends = inf if hours is None else self.now + hours * HOUR
        credited = grants.give(
            owner=Owner.wallet(wallet.pk),
            tokens=tokens,
            reason="a story",
            key=new_key(),
            by=TESTER,
            expires_at=None if hours is None else self._moment(ends),
        )
        assert credited.transaction is not None
        return credited.transaction.pk, plain.credit(tokens, ends), plain

    @rule(customer=customers, tokens=tokens, key=keys)
    def charge(self, customer: int, tokens: int, key: str) -> None:
        wallet, plain = self.wallets[customer]
        self._both(
            lambda: charges.charge(owner=Owner.wallet(wallet.pk), tokens=tokens, key=key, by=TESTER),
            lambda: plain.charge(tokens, key),
        )

    @rule(items=st.lists(st.tuples(customers, st.integers(1, 15), keys), max_size=6))
    def charge_many(self, items: list[tuple[int, int, str]]) -> None:
        asked = [ChargeItem(Owner.wallet(self.wallets[who][0].pk), tokens, key) for who, tokens, key in items]
        results = charge_many(items=asked, by=TESTER)
        for result, (who, tokens, key) in zip(results, items, strict=True):
            code = _refusal(partial(self.wallets[who][1].charge, tokens, key))
            assert (result.error.code if result.error else None) == code

    @rule(target=holds, customer=customers, tokens=tokens, hours=hours)
    def hold(self, customer: int, tokens: int, hours: int) -> Any:
        wallet, plain = self.wallets[customer]
        done = self._both(
            lambda: (
                holds.place(
                    owner=Owner.wallet(wallet.pk), tokens=tokens, key=new_key(), by=TESTER, expires_in=hours * HOUR
                ).hold
            ),
            lambda: plain.hold(tokens, self.now + hours * HOUR),
        )
        return multiple() if done is None else (*done, plain)

    @rule(held=holds, less=st.integers(-1, 10))
    def capture(self, held: tuple[Hold, PlainHold, PlainWallet], less: int) -> None:
        hold, plain_hold, plain = held
        wanted = max(1, hold.tokens - less)
        self._both(
            lambda: holds.capture(hold_id=hold.pk, tokens=wanted, by=TESTER),
            lambda: plain.capture(plain_hold, wanted),
        )

    @rule(held=holds)
    def release(self, held: tuple[Hold, PlainHold, PlainWallet]) -> None:
        hold, plain_hold, plain = held
        self._both(lambda: holds.release(hold_id=hold.pk, by=TESTER), lambda: plain.release(plain_hold))

    @rule(lot=lots, tokens=tokens)
    def refund(self, lot: tuple[UUID, PlainLot, PlainWallet], tokens: int) -> None:
        lot_id, plain_lot, plain = lot
        done = self._both(
            lambda: (
                credits.reverse(
                    lot_id=lot_id, tokens=tokens, type=Transaction.Type.REFUND, key=new_key(), by=TESTER
                ).tokens
            ),
            lambda: plain.take_back(plain_lot, tokens),
        )
        assert done is None or done[0] == done[1]

    @rule(hours=hours)
    def wait(self, hours: int) -> None:
        self.clock.advance(hours=hours)
        self.now += hours * HOUR

    @rule()
    def sweep(self) -> None:
        expirations.sweep(by=TESTER)
        invoices.sweep(by=TESTER)
        for _invoice, plain in self.invoices_made:
            if plain.status == "pending" and plain.expires <= self.now:
                plain.close("expired")

    @rule(customer=customers, why=st.booleans())
    def freeze_or_unfreeze(self, customer: int, why: bool) -> None:
        wallet, plain = self.wallets[customer]
        deed = wallets.freeze if why else wallets.unfreeze
        deed(owner=Owner.wallet(wallet.pk), reason="a doubt", by=TESTER)
        plain.is_frozen = why

    @rule(target=invoices, customer=customers, code=st.integers(0, 3))
    def make_invoice(self, customer: int, code: int) -> Any:
        wallet, plain = self.wallets[customer]
        text, plain_code = self.codes[code]
        done = self._both(
            lambda: (
                invoices.create(
                    owner=Owner.wallet(wallet.pk), tariff=self.tariff.slug, promo_code=text, key=new_key(), by=TESTER
                ).invoice
            ),
            lambda: TARIFF.invoice(plain, plain_code, now=self.now, lifetime=INVOICE_LIFETIME_MINUTES.get() * 60),
        )
        if done is None:
            return multiple()
        invoice, plain_invoice = done
        assert (invoice.amount, invoice.bonus_tokens) == (plain_invoice.amount, plain_invoice.bonus)
        self.invoices_made.append((invoice, plain_invoice))
        return invoice, plain_invoice

    @rule(made=invoices, receipt=st.integers(1, 2), wrong=st.sampled_from([0, 0, 0, 1]))
    def pay(self, made: tuple[Invoice, PlainInvoice], receipt: int, wrong: int) -> None:
        invoice, plain = made
        provider_id = f"{invoice.pk}-{receipt}"
        amount = max(1, plain.amount) + wrong
        done = self._both(
            lambda: payments.record_success(
                invoice_id=invoice.pk,
                provider="manual",
                provider_payment_id=provider_id,
                amount=Money(amount, "RUB"),
                key=new_key(),
                by=TESTER,
            ),
            lambda: TARIFF.pay(plain, provider_id, amount, now=self.now),
        )
        if done is not None:
            recorded, outcome = done
            assert ("replayed" if recorded.replayed else recorded.payment.outcome) == outcome

    @rule(made=invoices)
    def cancel(self, made: tuple[Invoice, PlainInvoice]) -> None:
        invoice, plain = made
        self._both(lambda: invoices.cancel(invoice_id=invoice.pk, by=TESTER), plain.cancel)

    @invariant()
    def wallets_are_as_the_model_says(self) -> None:
        self.is_true = False
        for wallet, plain in getattr(self, "wallets", ()):
            plain.settle(self.now)
            shown = balances.get_balance(Owner.wallet(wallet.pk))
            assert (shown.token_balance, shown.held_tokens) == (plain.balance, plain.held)
            assert [(lot.remaining, lot.expires_at) for lot in shown.lots] == [
                (lot.left, None if lot.expires == inf else self._moment(lot.expires)) for lot in plain.in_spending_order
            ]

    @invariant()
    def invoices_and_codes_are_as_the_model_says(self) -> None:
        for invoice, plain in getattr(self, "invoices_made", ()):
            assert Invoice.objects.values_list("status", flat=True).get(pk=invoice.pk) == plain.status

    @invariant()
    def the_books_are_true(self) -> None:
        assert invariants.contradictions() == []
        self.is_true = True

    def _moment(self, second: float) -> datetime:
        return self.began + timedelta(seconds=second)

    def _both(self, deed: Callable[[], Any], model: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Do it here and there; both results, or None where both refused with one code."""
        answers: list[Any] = []
        expected = _refusal(lambda: answers.append(model()))
        refused = None
        try:
            # A refusal dooms its transaction; the story goes on without it.
            with transaction.atomic():
                answers.insert(0, deed())
        except DomainError as refusal:
            refused = refusal.code
        assert refused == expected
        return None if refused else (answers[0], answers[1])


def _refusal(model: Callable[[], object]) -> str | None:
    try:
        model()
    except Refused as refused:
        return refused.code
    return None


def tell(books: type[Books], *, examples: int = EXAMPLES, shortest: bool = True) -> None:
    """
    :param shortest: whether a story that fails is told again and again until it is short. Where one has to fail, it
        need not be, and the stories are the same each time: among others there may be none
    """
    phases = [Phase.explicit, Phase.generate, *([Phase.shrink] if shortest else [])]
    run_state_machine_as_test(
        books,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not shortest,
            phases=phases,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_every_story_leaves_the_books_true() -> None:
    began = time.monotonic()
    for _part in range(EXAMPLES // 5):
        tell(Books, examples=5)
        if time.monotonic() - began > SECONDS:
            break


class OldestFirst(PlainWallet):
    @property
    def in_spending_order(self) -> list[PlainLot]:
        return [lot for lot in self.lots if lot.left]


class HoldsProtectNothing(PlainWallet):
    def settle(self, now: int) -> None:
        for lot in self.lots:
            lot.left = 0 if lot.expires <= now else lot.left


class NothingExpires(PlainWallet):
    def settle(self, now: int) -> None:
        pass


class KeysWorkTwice(PlainWallet):
    def charge(self, tokens: int, key: str) -> None:
        super().charge(tokens, f"{key} {len(self.used_keys)}")


@pytest.mark.django_db
@pytest.mark.timeout(300)
@pytest.mark.parametrize("broken", [OldestFirst, HoldsProtectNothing, NothingExpires, KeysWorkTwice])
def test_a_model_with_one_rule_broken_is_told_apart(broken: type[PlainWallet]) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)):
        tell(type("BrokenBooks", (Books,), {"plain_wallet": broken}), shortest=False)


@pytest.mark.django_db
@pytest.mark.timeout(300)
def test_a_ledger_that_moves_without_its_wallet_is_found() -> None:
    """The harm is done where no guard stands: each charge is booked, and the balance stays."""

    class Generous(Books):
        @rule(customer=customers)
        def forget_the_balance(self, customer: int) -> None:
            Wallet.objects.filter(pk=self.wallets[customer][0].pk, token_balance__gt=0).update(
                token_balance=F("token_balance") + 1, balance_version=F("balance_version") + 1
            )

    with pytest.raises((AssertionError, ExceptionGroup)):
        tell(Generous, shortest=False)
