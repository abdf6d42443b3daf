"""Two sides' books beside each other, from plain facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.payment_events import Fact, Kind
from billing.rules.statements import LEAD, OVERLAP, TAIL, Compared, Verdict, as_json, compare, from_json, key_of
from core.money import Money

UNTIL: Final = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
SINCE: Final = UNTIL - timedelta(days=3)
INVOICE: Final = UUID("01980f2a-5c1d-7e2f-9a3b-4c5d6e7f8091")


def came(payment_id: str = "pay-1", amount: int = 14_900, **changes: Any) -> Fact:
    told = Fact(
        provider="yookassa",
        event_id=f"{payment_id}:succeeded",
        kind=Kind.SUCCEEDED,
        payment_id=payment_id,
        occurred_at=UNTIL - timedelta(days=1),
        source="books",
        amount=Money(amount, "RUB"),
        invoice_id=INVOICE,
        payload={"id": payment_id, "paid": True},
        details={"agreement": "method-1"},
    )
    return replace(told, **changes)


def went(reference: str = "refund-1", amount: int = 14_900, **changes: Any) -> Fact:
    return came(amount=amount, **{"event_id": reference, "kind": Kind.REFUNDED, "reference": reference, **changes})


def verdicts(ours: list[Fact], theirs: list[Fact]) -> dict[str, Verdict]:
    found = compare(ours, theirs, since=SINCE, until=UNTIL)
    assert len({each.key for each in found}) == len(found)
    return {each.key[0]: each.verdict for each in found}


def test_the_same_movement_matches_whoever_told_of_it() -> None:
    by_hand = came(event_id="pay-1", source="caller", occurred_at=UNTIL - timedelta(hours=3))
    assert verdicts([by_hand, went()], [came(), went(source="webhook")]) == {
        "pay-1": Verdict.MATCHED,
        "refund-1": Verdict.MATCHED,
    }


def test_tells_a_refund_from_a_payment_of_the_same_id() -> None:
    stars = went("stx-1", payment_id="stx-1")
    found = compare([came("stx-1")], [came("stx-1"), stars], since=SINCE, until=UNTIL)
    assert [(each.key, each.verdict) for each in found] == [
        (("stx-1", "in"), Verdict.MATCHED),
        (("stx-1", "out"), Verdict.MISSING_HERE),
    ]


def test_says_what_one_side_lacks() -> None:
    assert verdicts([came("ours")], [came("theirs"), went("theirs too")]) == {
        "ours": Verdict.MISSING_THERE,
        "theirs": Verdict.MISSING_HERE,
        "theirs too": Verdict.MISSING_HERE,
    }


@pytest.mark.parametrize("amount", [Money(14_901, "RUB"), Money(14_900, "USD")])
def test_says_that_an_amount_differs(amount: Money) -> None:
    assert verdicts([came()], [replace(came(), amount=amount)]) == {"pay-1": Verdict.AMOUNT_DIFFERS}


def test_the_earlier_of_our_words_counts_as_it_does_in_the_fold() -> None:
    later = replace(came(amount=1), event_id="again", occurred_at=UNTIL - timedelta(hours=2))
    assert verdicts([later, came()], [came()]) == {"pay-1": Verdict.MATCHED}


@pytest.mark.parametrize(
    ("occurred_at", "ours", "theirs"),
    [
        (SINCE + timedelta(minutes=1), False, True),
        (SINCE + LEAD, True, True),
        (UNTIL - TAIL, True, True),
        (UNTIL - TAIL + timedelta(seconds=1), False, False),
    ],
)
def test_leaves_the_edges_to_the_next_night(occurred_at: datetime, ours: bool, theirs: bool) -> None:
    fact = came(occurred_at=occurred_at)
    assert bool(verdicts([fact], [])) is ours
    assert bool(verdicts([], [fact])) is theirs


def test_a_match_has_no_edges() -> None:
    fresh = came(occurred_at=UNTIL)
    assert verdicts([fresh], [fresh]) == {"pay-1": Verdict.MATCHED}


@given(st.integers(0, 5 * 24 * 60))
def test_what_one_side_lacks_is_judged_by_one_of_two_nights(minutes: int) -> None:
    first, second = UNTIL, UNTIL + timedelta(days=1)
    moment = UNTIL - timedelta(days=4) + timedelta(minutes=minutes)
    windows = [(first - timedelta(days=3), first), (first - OVERLAP, second), (second - OVERLAP, second + OVERLAP)]
    for ours, theirs in (([came(occurred_at=moment)], []), ([], [came(occurred_at=moment)])):
        nights = [
            compare(
                [each for each in ours if since <= each.occurred_at < until],
                [each for each in theirs if each.occurred_at >= since],
                since=since,
                until=until,
            )
            for since, until in windows
        ]
        if first - timedelta(days=2) <= moment <= second + OVERLAP - TAIL:
            assert any(nights)


@pytest.mark.parametrize("fact", [came(), went(), replace(came(), invoice_id=None, amount=None, renews=True)])
def test_a_fact_is_kept_whole(fact: Fact) -> None:
    assert from_json(as_json(fact)) == fact


def test_the_keys_of_a_fact() -> None:
    assert (key_of(came()), key_of(went())) == (("pay-1", "in"), ("refund-1", "out"))


def test_a_movement_is_somebodys() -> None:
    with pytest.raises(ValueError, match="nobody"):
        assert Compared(("x", "in"), Verdict.MATCHED, None, None).fact
