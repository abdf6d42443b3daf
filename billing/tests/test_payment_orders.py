"""
Events of one payment, in every order, each delivered twice (RELIABILITY W01, W02): the same end, and true books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, permutations
from typing import Any, Final

import pytest

from billing.models import (
    Invoice,
    Payment,
    PaymentEvent,
    Referral,
    Subscription,
    SubscriptionPeriod,
    Transaction,
    Wallet,
)
from billing.operations import provider_events
from billing.queries.reconciliation import list_divergences
from billing.rules.payment_events import Fact
from billing.tests.factories import TESTER, InvoiceFactory, PlanFactory, add_lot, brought, funded_wallet
from billing.tests.facts import Storyteller, tell, told_of
from billing.tests.invariants import contradictions, divergences
from core import clock
from core.money import Money
from core.tests.guards import check_deferred, undone

pytestmark = pytest.mark.django_db

Scenario = Callable[[Storyteller], Sequence[Fact]]

# What was bought costs 149 ₽ and has 50 tokens; the customer has 7 others.
SCENARIOS: Final[dict[str, tuple[Scenario, dict[str, Any]]]] = {
    "paid": (lambda of: (of.created(), of.succeeded()), {"status": "succeeded", "invoice": "paid", "balance": 57}),
    "paid then refunded": (
        lambda of: (of.created(), of.succeeded(), of.refunded()),
        {"status": "refunded", "invoice": "refunded", "balance": 7, "referral": "reversed"},
    ),
    "paid then refunded in two parts": (
        lambda of: (of.succeeded(), of.refunded(4_900, reference="one"), of.refunded(10_000, reference="two")),
        {"status": "refunded", "invoice": "refunded", "balance": 7, "referral": "reversed"},
    ),
    "paid, refunded, and the money came back": (
        lambda of: (of.created(), of.succeeded(), of.refunded(), of.came_back()),
        {"status": "succeeded", "invoice": "paid", "balance": 57, "referral": "qualified", "refunded": 0},
    ),
    "refunded again after the money came back": (
        lambda of: (
            of.succeeded(),
            of.refunded(7_450, reference="one"),
            of.came_back(reference="one"),
            of.refunded(7_450, reference="two"),
        ),
        {"status": "partially_refunded", "invoice": "partially_refunded", "balance": 32, "refunded": 7_450},
    ),
    "refunded in part": (
        lambda of: (of.succeeded(), of.refunded(7_450)),
        {"status": "partially_refunded", "invoice": "partially_refunded", "balance": 32, "referral": "qualified"},
    ),
    "paid, disputed": (
        lambda of: (of.succeeded(), of.opened()),
        {"status": "disputed", "invoice": "paid", "balance": 7, "referral": "qualified"},
    ),
    "paid, disputed, lost": (
        lambda of: (of.succeeded(), of.opened(), of.lost()),
        {"status": "charged_back", "invoice": "refunded", "balance": 7, "referral": "reversed"},
    ),
    "paid, disputed, won": (
        lambda of: (of.succeeded(), of.opened(), of.won()),
        {"status": "succeeded", "invoice": "paid", "balance": 57, "referral": "qualified"},
    ),
    "lost, then won after all": (
        lambda of: (of.succeeded(), of.lost(hour=4), of.won(hour=5)),
        {"status": "succeeded", "invoice": "paid", "balance": 57, "referral": "qualified"},
    ),
    "refunded and disputed at once": (
        lambda of: (of.succeeded(), of.refunded(), of.opened(), of.lost()),
        {"status": "charged_back", "invoice": "refunded", "balance": 7, "referral": "reversed"},
    ),
    "refunded, disputed, won": (
        lambda of: (of.succeeded(), of.refunded(), of.opened(), of.won()),
        {"status": "refunded", "invoice": "refunded", "balance": 7, "referral": "reversed"},
    ),
    "cancelled by the provider": (
        lambda of: (of.created(), of.cancelled()),
        {"status": "cancelled", "invoice": "pending", "balance": 7, "referral": "pending"},
    ),
}


def orders(facts: Sequence[Fact]) -> Iterator[tuple[Fact, ...]]:
    """
    Every order of the facts, each of them delivered twice: the story told twice over; of up to three facts also each
    repeated at once, and the story told back again.
    """
    for order in permutations(facts):
        yield order + order
        if len(facts) <= 3:
            yield tuple(chain.from_iterable((each, each) for each in order))
            yield order + order[::-1]


def customer() -> Wallet:
    """The wallet of somebody who was brought by somebody, with seven tokens."""
    wallet = Wallet.objects.get(user=brought().referred)
    add_lot(wallet, 7)
    return wallet


def end_of(wallet: Wallet, of: Storyteller) -> dict[str, object]:
    """Everything that a customer or a member of staff can see of the end."""
    wallet.refresh_from_db()
    of.invoice.refresh_from_db()
    payment = Payment.objects.get(provider_payment_id=of.payment_id)
    return {
        "status": payment.status,
        "invoice": of.invoice.status,
        "balance": wallet.token_balance,
        "debt": wallet.debt_tokens,
        "refunded": payment.refunded_amount,
        "refunds": sorted(payment.refunds.values_list("provider_refund_id", "amount", "state")),
        "claimed": sum(payment.refunds.values_list("claimed_tokens", flat=True)),
        "disputes": sorted(payment.disputes.values_list("provider_dispute_id", "state")),
        "purchases": wallet.transactions.filter(type=Transaction.Type.PURCHASE).count(),
        "referral": Referral.objects.values_list("state", flat=True).filter(referred=wallet.user_id).first(),
    }


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_order_of_events_ends_in_the_same_state(name: str) -> None:
    scenario, expected = SCENARIOS[name]
    wallet = customer()
    of = told_of(InvoiceFactory.create(wallet=wallet))
    ends = []
    for order in orders(scenario(of)):
        with undone():
            heard = tell(*order)
            ends.append(end_of(wallet, of))
            assert sum(each.replayed for each in heard) == len(order) // 2
            assert contradictions() == []
            assert divergences() == []
    tell(*scenario(of))
    assert contradictions() == []
    assert list_divergences() == []
    assert all(end == ends[0] for end in ends)
    assert expected.items() <= ends[0].items()


# Days that are paid for at the end, of a subscription of 30 with 50 tokens a period.
SUBSCRIBED: Final[dict[str, int]] = {
    "paid": 30,
    "paid then refunded": 0,
    "paid, refunded, and the money came back": 30,
    "paid, disputed": 30,
    "paid, disputed, lost": 0,
    "paid, disputed, won": 30,
    "lost, then won after all": 30,
}


def paid_time(wallet: Wallet) -> dict[str, object]:
    """What a customer has of a subscription in the end, whatever was taken back and given again on the way."""
    wallet.refresh_from_db()
    live = Subscription.objects.filter(wallet=wallet).exclude(status="expired")
    return {
        "live": sorted(live.values_list("status", "ends_at", "renews_at")),
        "periods": SubscriptionPeriod.objects.filter(subscription__wallet=wallet, removed_at=None).count(),
        "days": 0 if wallet.subscription_end is None else (wallet.subscription_end - clock.now()).days,
        "balance": wallet.token_balance,
    }


@pytest.mark.parametrize("name", SUBSCRIBED)
def test_every_order_ends_with_the_same_time(name: str) -> None:
    scenario, expected = SCENARIOS[name]
    wallet = customer()
    of = told_of(InvoiceFactory.create(wallet=wallet, tariff=PlanFactory.create(price=14_900, tokens=50)))
    ends = []
    for order in orders(scenario(of)):
        with undone():
            tell(*order)
            check_deferred()
            ends.append({**end_of(wallet, of), **paid_time(wallet)})
            assert contradictions() == []
            assert divergences() == []
    assert all(end == ends[0] for end in ends)
    assert {**expected, "days": SUBSCRIBED[name], "periods": SUBSCRIBED[name] // 30}.items() <= ends[0].items()


def renewed(first: Invoice, charge: str, amount: Money) -> Fact:
    """Telegram has taken the next period by itself: the old payload, a new charge."""
    return replace(told_of(first, payment_id=charge, provider="telegram_stars").succeeded(amount), renews=True)


def hear(*facts: Fact) -> None:
    for fact in facts:
        provider_events.record(fact=fact, by=TESTER)
    check_deferred()


class TestRenewedTwice:
    """A subscription that was paid once and renewed twice."""

    STARS = Money(250, "XTR")

    def story(self, wallet: Wallet) -> tuple[Fact, ...]:
        plan = PlanFactory.create(price_stars=250, tokens=50)
        first = InvoiceFactory.create(wallet=wallet, tariff=plan, currency="XTR")
        began = told_of(first, payment_id="charge-1", provider="telegram_stars").succeeded()
        return began, renewed(first, "charge-2", self.STARS), renewed(first, "charge-3", self.STARS)

    def test_every_order_gives_three_periods(self) -> None:
        wallet = funded_wallet(tokens=7)
        facts = self.story(wallet)
        ends = []
        for order in orders(facts):
            with undone():
                hear(*order)
                assert sorted(Payment.objects.values_list("outcome", "status")) == [("credited", "succeeded")] * 3
                assert Invoice.objects.filter(status="paid").count() == Invoice.objects.count() == 3
                ends.append(paid_time(wallet))
                assert contradictions() == []
                assert divergences() == []
        assert all(end == ends[0] for end in ends)
        assert {"periods": 3, "days": 90, "balance": 157}.items() <= ends[0].items()

    def test_at_the_price_that_was_agreed_to_whatever_it_is_today(self) -> None:
        wallet = funded_wallet(tokens=7)
        began, *renewals = self.story(wallet)
        hear(began)
        plan = Invoice.objects.get().tariff
        type(plan).objects.filter(pk=plan.pk).update(price_stars=400, tokens=90)
        hear(*renewals)
        assert set(Payment.objects.values_list("outcome", flat=True)) == {"credited"}
        # What was agreed to, for what was agreed.
        assert {"periods": 3, "days": 90, "balance": 157}.items() <= paid_time(wallet).items()

    def test_also_when_it_is_not_sold_for_stars_any_more(self) -> None:
        wallet = funded_wallet(tokens=7)
        began, *renewals = self.story(wallet)
        hear(began)
        plan = Invoice.objects.get().tariff
        type(plan).objects.filter(pk=plan.pk).update(price_stars=None)
        hear(*renewals)
        assert {"periods": 3, "days": 90}.items() <= paid_time(wallet).items()

    def test_but_not_at_a_price_that_nobody_agreed_to(self) -> None:
        wallet = funded_wallet(tokens=7)
        began, *_renewals = self.story(wallet)
        hear(began, renewed(Invoice.objects.get(), "charge-2", Money(1, "XTR")))
        assert sorted(Payment.objects.values_list("outcome", flat=True)) == ["credited", "mismatch"]
        assert {"periods": 1, "days": 30}.items() <= paid_time(wallet).items()

    def test_is_judged_once_more_and_moves_nothing(self) -> None:
        """A replay has no more than what was stored; the payment knows its own invoice."""
        wallet = funded_wallet(tokens=7)
        hear(*self.story(wallet))
        before = paid_time(wallet)
        for event in PaymentEvent.objects.all():
            provider_events.apply(event_id=event.pk, by=TESTER)
        assert paid_time(wallet) == before
        assert Invoice.objects.count() == Payment.objects.count() == 3

    def test_in_play_money_makes_no_invoice(self) -> None:
        wallet = funded_wallet(tokens=7)
        began, renewal, _third = self.story(wallet)
        hear(began, replace(renewal, is_test=True))
        assert Invoice.objects.count() == 1


def test_the_orders_are_all_of_them() -> None:
    """The control."""
    of = told_of(InvoiceFactory.create())
    told = orders([of.created(), of.succeeded(), of.refunded()])
    assert len({tuple(fact.event_id for fact in order) for order in told}) == 3 * 6


def test_an_order_that_was_cut_short_ends_elsewhere() -> None:
    """The control: the end is compared by something that events move."""
    wallet = funded_wallet(tokens=7)
    of = told_of(InvoiceFactory.create(wallet=wallet))
    tell(of.succeeded())
    paid = end_of(wallet, of)
    tell(of.refunded())
    assert end_of(wallet, of) != paid
