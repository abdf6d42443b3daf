"""
What is said about a payment, and what follows from all of it.

Pure: facts in, a status out. Providers tell of one payment more than once, late and in any order; the fold does not
depend on the order, nor on how often a fact is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from core.money import Money


class Kind(StrEnum):
    """What a fact says. A ``notice`` says nothing by itself: its object has still to be asked for."""

    NOTICE = "notice"
    CREATED = "created"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


class Direction(StrEnum):
    """Whether money comes in or goes out: a refund may carry the very id of its payment."""

    IN = "in"
    OUT = "out"


# Facts that are about money going back.
OUTWARD = frozenset({Kind.REFUNDED, Kind.REFUND_FAILED, Kind.DISPUTE_OPENED, Kind.DISPUTE_WON, Kind.DISPUTE_LOST})


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One thing that a provider says, translated.

    :param provider: its code: ``yookassa``
    :param event_id: what makes the fact one: with provider and direction it is stored once. Derived from the object
        (``<payment>:succeeded``, the refund's id), so that a webhook, a poll and an answer tell the same fact
    :param payment_id: the provider's id of the payment
    :param amount: of the payment, or of this refund; None where the fact is about no amount
    :param reference: the provider's id of the refund or the dispute
    :param invoice_id: the invoice that the provider's metadata names
    :param renews: whether it pays for the next period of the subscription that the invoice began: an invoice of its own
        is then made for it
    :param payload: as it came
    :param details: what others need of it: ``payer`` (whom to refund), ``agreement`` (what renewals are charged to),
        ``paid_until`` (ISO 8601, where the provider decides it)
    """

    provider: str
    event_id: str
    kind: Kind
    payment_id: str
    occurred_at: datetime
    source: str
    amount: Money | None = None
    reference: str = ""
    invoice_id: UUID | None = None
    renews: bool = False
    is_test: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def direction(self) -> Direction:
        return Direction.OUT if self.kind in OUTWARD else Direction.IN

    def as_notice(self) -> Fact:
        """The same, told and not believed."""
        return replace(
            self, event_id=f"notice:{self.direction}:{self.event_id}", kind=Kind.NOTICE, amount=None, reference=""
        )


class Told(Protocol):
    """A stored fact, as far as the fold looks at it."""

    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> int | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Folded:
    """
    What all facts of a payment amount to.

    :param status: of the payment
    :param amount: what arrived, or is to arrive; None while no fact says so
    :param has_arrived: whether the money came
    :param refunded: what went back and stayed there, minor units, all refunds together
    :param is_disputed: whether a dispute is open
    :param is_charged_back: whether a dispute was lost
    """

    status: str
    amount: Money | None
    has_arrived: bool
    refunded: int
    is_disputed: bool
    is_charged_back: bool


def fold(facts: Iterable[Told]) -> Folded:
    """
    Judge a payment by everything that is known of it.

    A lost dispute weighs more than an open one, that more than refunds, those more than success, and success more than
    cancellation: who takes money cannot have cancelled it. A refund that failed after all is none. Of one dispute the
    later verdict counts, of two at one moment the loss.
    """
    known = list(facts)
    kinds = {each.kind for each in known}
    failed = failures(known)
    refunds = {
        each.reference: each.amount or 0
        for each in known
        if each.kind == Kind.REFUNDED and each.reference not in failed
    }
    refunded = sum(refunds.values())
    amount = _amount(known)
    judged = verdicts(known)
    opened = {each.reference for each in known if each.kind == Kind.DISPUTE_OPENED}
    is_charged_back = Kind.DISPUTE_LOST in judged.values()
    is_disputed = bool(opened - set(judged))
    if is_charged_back:
        status = "charged_back"
    elif is_disputed:
        status = "disputed"
    elif refunds:
        status = "refunded" if amount is None or refunded >= amount.amount else "partially_refunded"
    elif Kind.SUCCEEDED in kinds:
        status = "succeeded"
    else:
        status = "cancelled" if Kind.CANCELLED in kinds else "pending"
    return Folded(status, amount, Kind.SUCCEEDED in kinds, refunded, is_disputed, is_charged_back)


def _amount(facts: Iterable[Told]) -> Money | None:
    """What arrived; before that, what was announced. Of two words of one kind the earlier one counts."""
    weight = {Kind.SUCCEEDED: 0, Kind.CREATED: 1, Kind.CANCELLED: 2}
    told = [each for each in facts if each.kind in weight and each.amount is not None]
    if not told:
        return None
    first = min(told, key=lambda each: (weight[Kind(each.kind)], each.occurred_at, each.amount or 0))
    return Money(first.amount or 0, first.currency)


def failures(facts: Iterable[Told]) -> set[str]:
    """References of refunds whose money came back: the payer's bank did not take it."""
    return {each.reference for each in facts if each.kind == Kind.REFUND_FAILED}


def verdicts(facts: Iterable[Told]) -> dict[str, str]:
    """The verdict on each dispute that has one, by its reference: the later one, of two at one moment the loss."""
    judged = [each for each in facts if each.kind in (Kind.DISPUTE_LOST, Kind.DISPUTE_WON)]
    judged.sort(key=lambda each: (each.occurred_at, each.kind == Kind.DISPUTE_LOST))
    return {each.reference: each.kind for each in judged}
