"""What is taken back of a purchase: when it is settled without a look at the ledger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from billing.rules.taking_back import Purchase, Step, is_settled, next_step

TOKENS = st.integers(min_value=0, max_value=6)


@st.composite
def purchases(draw: st.DrawFn) -> Purchase:
    """Whatever can have become of a few tokens."""
    remaining, expired, taken, spent = (draw(TOKENS) for _part in range(4))
    given = remaining + expired + taken + spent
    # A debt is booked for what was spent alone.
    debt = draw(st.integers(min_value=0, max_value=spent))
    return Purchase(given=given, remaining=remaining, expired=expired, taken=taken, debt=debt)


@given(purchase=purchases(), part=st.integers(min_value=0, max_value=24), frozen=st.booleans())
def test_what_is_settled_is_what_moves_nothing(purchase: Purchase, part: int, frozen: bool) -> None:
    claimed = min(part, purchase.given)
    settled = is_settled(given=purchase.given, taken=purchase.taken, debt=purchase.debt, claimed=claimed, frozen=frozen)
    if settled:
        assert next_step(purchase, claimed=claimed, frozen=frozen) == Step()


def test_it_is_settled_before_anything_is_claimed_and_after_all_of_it_was_taken() -> None:
    """The control: the rule says yes at all, where it spares the most."""
    assert is_settled(given=50, taken=0, debt=0, claimed=0, frozen=False)
    assert is_settled(given=50, taken=50, debt=0, claimed=50, frozen=False)
    assert is_settled(given=50, taken=50, debt=0, claimed=0, frozen=True)


def test_it_is_not_settled_while_something_is_to_be_taken_given_back_or_owed() -> None:
    assert not is_settled(given=50, taken=0, debt=0, claimed=1, frozen=False)
    assert not is_settled(given=50, taken=0, debt=0, claimed=0, frozen=True)
    assert not is_settled(given=50, taken=50, debt=0, claimed=0, frozen=False)
    assert not is_settled(given=50, taken=20, debt=30, claimed=20, frozen=False)
