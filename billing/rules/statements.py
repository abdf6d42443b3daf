"""
Our books beside a provider's: which movements of money both know, and which only one of them.

Pure: facts of both sides in, verdicts out. A payment is known by its provider's id and a refund by its own, whichever
way it was told to us and under whatever event's id: Telegram gives a refund its payment's id, so that the direction is
part of the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from billing.rules.payment_events import Direction, Fact, Kind
from core.money import Money

# How far a comparison goes back behind the end of the one before.
OVERLAP: Final = timedelta(days=2)
# At its beginning: how much later than the provider we may have written down the same movement.
LEAD: Final = timedelta(days=1)
# At its end: what is so fresh may still be on its way to the other side. Both edges lie in the next one's window.
TAIL: Final = timedelta(hours=1)

Key = tuple[str, str]


class Verdict(StrEnum):
    """What a comparison says of one movement."""

    MATCHED = "matched"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"


@dataclass(frozen=True, slots=True)
class Compared:
    """One movement as both sides know it."""

    key: Key
    verdict: Verdict
    ours: Fact | None
    theirs: Fact | None

    @property
    def fact(self) -> Fact:
        """Theirs, where there is one."""
        found = self.theirs or self.ours
        if found is None:
            raise ValueError("a movement that nobody knows")
        return found


def key_of(fact: Fact) -> Key:
    """What makes a movement one: the payment or the refund, and which way the money went."""
    return (fact.reference if fact.direction == Direction.OUT else fact.payment_id, fact.direction)


def compare(ours: Iterable[Fact], theirs: Iterable[Fact], *, since: datetime, until: datetime) -> list[Compared]:
    """
    Put two sets of facts about money beside each other. What stands on one side alone and is too near to an edge of
    the window is left to the next comparison.

    :param ours: successes and refunds; of two about one movement the earlier one counts
    :param theirs: everything that the provider tells from ``since`` on
    :param until: when it was asked
    """
    here = {key_of(fact): fact for fact in sorted(ours, key=lambda fact: fact.occurred_at, reverse=True)}
    there = {key_of(fact): fact for fact in theirs}
    found = []
    for key in dict.fromkeys((*there, *here)):
        verdict = _judge(here.get(key), there.get(key), since=since, until=until)
        if verdict is not None:
            found.append(Compared(key, verdict, here.get(key), there.get(key)))
    return found


def _judge(ours: Fact | None, theirs: Fact | None, *, since: datetime, until: datetime) -> Verdict | None:
    if ours is not None and theirs is not None:
        return Verdict.MATCHED if ours.amount == theirs.amount else Verdict.AMOUNT_DIFFERS
    if theirs is not None:
        return Verdict.MISSING_HERE if theirs.occurred_at <= until - TAIL else None
    is_settled = ours is not None and since + LEAD <= ours.occurred_at <= until - TAIL
    return Verdict.MISSING_THERE if is_settled else None


def as_json(fact: Fact) -> dict[str, Any]:
    """A fact as it is kept until somebody books it."""
    return {
        **asdict(fact),
        "kind": str(fact.kind),
        "occurred_at": fact.occurred_at.isoformat(),
        "amount": None if fact.amount is None else [fact.amount.amount, fact.amount.currency],
        "invoice_id": None if fact.invoice_id is None else str(fact.invoice_id),
    }


def from_json(kept: Mapping[str, Any]) -> Fact:
    """A fact that was kept."""
    changed = {
        "kind": Kind(kept["kind"]),
        "occurred_at": datetime.fromisoformat(kept["occurred_at"]),
        "amount": None if kept["amount"] is None else Money(*kept["amount"]),
        "invoice_id": None if kept["invoice_id"] is None else UUID(kept["invoice_id"]),
    }
    return Fact(**{**kept, **changed})
