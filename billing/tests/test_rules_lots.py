"""What is left of each credit, and what expires: pure functions against a ledger of single tokens."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.lots import LedgerOverdrawn, LedgerRow, Lot, expiry, replay

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lot_id(sequence: int) -> UUID:
    return UUID(int=sequence)


def day(number: int | None) -> datetime | None:
    return None if number is None else NOON + timedelta(days=number)


def credit(sequence: int, tokens: int, expires: int | None = None) -> LedgerRow:
    return LedgerRow(lot_id(sequence), sequence, "grant", tokens, None, day(expires))


def debit(sequence: int, tokens: int, *, reverses: int | None = None) -> LedgerRow:
    lot = None if reverses is None else lot_id(reverses)
    return LedgerRow(lot_id(sequence), sequence, "charge" if lot is None else "refund", -tokens, lot, None)


def left(lots: Sequence[Lot]) -> dict[int, int]:
    return {lot.sequence: lot.remaining for lot in lots}


def test_a_credit_is_a_lot() -> None:
    (lot,) = replay([credit(1, 20, expires=1)])
    assert lot == Lot(lot_id(1), "grant", 20, 20, day(1), 1)


def test_spends_the_soonest_expiry_first() -> None:
    rows = [credit(1, 50), credit(2, 20, expires=9), credit(3, 20, expires=1)]
    assert left(replay([*rows, debit(4, 30)])) == {2: 10, 1: 50}


def test_spends_the_oldest_of_equals_first() -> None:
    rows = [credit(1, 5), credit(2, 5), debit(3, 7)]
    assert left(replay(rows)) == {2: 3}


def test_takes_back_from_the_named_lot_only() -> None:
    rows = [credit(1, 5, expires=1), credit(2, 5), debit(3, 4, reverses=2)]
    assert left(replay(rows)) == {1: 5, 2: 1}


def test_returns_lots_in_spending_order() -> None:
    lots = replay([credit(1, 1), credit(2, 1, expires=5), credit(3, 1, expires=4), credit(4, 1)])
    assert [lot.sequence for lot in lots] == [3, 2, 1, 4]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([debit(1, 1)], id="nothing was credited"),
        pytest.param([credit(1, 5), debit(2, 6)], id="more than was credited"),
        pytest.param([credit(1, 5), credit(2, 5), debit(3, 6, reverses=1)], id="more than the named lot gave"),
        pytest.param([credit(1, 5), debit(2, 1, reverses=9)], id="a lot that was never there"),
        pytest.param([credit(1, 5), debit(2, 5), debit(3, 1, reverses=1)], id="a lot that is spent"),
    ],
)
def test_refuses_a_ledger_that_contradicts_itself(rows: list[LedgerRow]) -> None:
    with pytest.raises(LedgerOverdrawn):
        replay(rows)


# A ledger as a list of intentions: ("credit", tokens, expiry day or None), ("spend", share of what is there in
# percent), ("take back", which lot, share of it).
steps = st.lists(
    st.one_of(
        st.tuples(st.just("credit"), st.integers(1, 12), st.none() | st.integers(-3, 6)),
        st.tuples(st.just("spend"), st.integers(0, 100), st.none()),
        st.tuples(st.just("take back"), st.integers(0, 100), st.integers(0, 30)),
    ),
    max_size=40,
)


class SingleTokens:
    """The same ledger, kept as a bag of single tokens: (day or None, sequence of its credit)."""

    def __init__(self) -> None:
        self.rows: list[LedgerRow] = []
        self.bag: list[tuple[float, int]] = []

    def play(self, step: tuple[str, int, int | None]) -> None:
        what, number, more = step
        sequence = len(self.rows) + 1
        if what == "credit":
            self.rows.append(credit(sequence, number, expires=more))
            self.bag += [(float("inf") if more is None else more, sequence)] * number
            self.bag.sort()
        elif what == "spend":
            tokens = len(self.bag) * number // 100
            if tokens:
                self.rows.append(debit(sequence, tokens))
                del self.bag[:tokens]
        elif self.bag:
            _day, lot = self.bag[(more or 0) % len(self.bag)]
            of_lot = [token for token in self.bag if token[1] == lot]
            tokens = max(1, len(of_lot) * number // 100)
            self.rows.append(debit(sequence, tokens, reverses=lot))
            for token in of_lot[:tokens]:
                self.bag.remove(token)

    @property
    def left(self) -> dict[int, int]:
        return {lot: len(list(tokens)) for lot, tokens in groupby(self.bag, key=lambda token: token[1])}


def ledger(steps: list[tuple[str, int, int | None]]) -> SingleTokens:
    played = SingleTokens()
    for step in steps:
        played.play(step)
    return played


@given(steps)
def test_agrees_with_a_bag_of_single_tokens(steps: list[tuple[str, int, int | None]]) -> None:
    played = ledger(steps)
    assert left(replay(played.rows)) == played.left


@given(steps, st.integers(0, 40))
def test_continues_from_anywhere(steps: list[tuple[str, int, int | None]], place: int) -> None:
    rows = ledger(steps).rows
    assert replay(rows[place:], opening=replay(rows[:place])) == replay(rows)


@given(steps, st.integers(0, 40), st.integers(-4, 7))
def test_expires_what_is_due_beyond_the_held(
    steps: list[tuple[str, int, int | None]], held: int, moment_day: int
) -> None:
    lots = replay(ledger(steps).rows)
    balance = sum(lot.remaining for lot in lots)
    held = min(held, balance)
    moment = NOON + timedelta(days=moment_day)
    due = sum(lot.remaining for lot in lots if lot.is_due(moment))
    judged = expiry(lots, held=held, moment=moment)

    assert judged.tokens == max(0, due - held)
    assert judged.protected == min(due, held)
    assert balance - judged.tokens >= held
    assert all(lot.is_due(moment) and 0 < tokens <= lot.remaining for lot, tokens in judged.expiring)
    coming = [lot.expires_at for lot in lots if lot.expires_at and lot.expires_at > moment]
    assert judged.next_expiry_at == min(coming, default=None)


def test_a_lot_is_due_at_its_very_moment() -> None:
    (lot,) = replay([credit(1, 3, expires=1)])
    assert lot.is_due(NOON + timedelta(days=1))
    assert not lot.is_due(NOON + timedelta(days=1) - timedelta(microseconds=1))


def test_a_hold_protects_the_tokens_that_it_would_spend() -> None:
    lots = replay([credit(1, 20, expires=1), credit(2, 20, expires=2), credit(3, 50)])
    judged = expiry(lots, held=30, moment=NOON + timedelta(days=3))
    assert [(lot.sequence, tokens) for lot, tokens in judged.expiring] == [(2, 10)]
    assert judged.protected == 30
