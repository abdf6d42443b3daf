"""What payers did and were told, and whether the house bears it out: invoices, payments, refunds."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

# What a payer does with one purchase, in this order; not each goes as far.
STEPS: Final = ("invoice", "payment", "refund")


@dataclass(frozen=True, slots=True)
class Step:
    """
    One deed that a payer wants done once, however often they have to ask.

    :param kind: of :data:`STEPS`
    :param key: its idempotency key
    """

    kind: str
    key: str
    user: str


@dataclass(frozen=True, slots=True)
class Told:
    """
    :param status: of HTTP
    :param id: of what was made
    :param code: of a refusal
    """

    step: Step
    status: int
    content_type: str = "application/json"
    id: str = ""
    code: str = ""


@dataclass
class Purchases:
    """Written by many payers at once."""

    attempted: set[Step] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, step: Step) -> None:
        """To be noted before the request is sent."""
        with self._lock:
            self.attempted.add(step)

    def answer(self, told: Told) -> None:
        with self._lock:
            self.told.append(told)

    def done(self) -> Mapping[str, int]:
        """How many of each kind were confirmed."""
        return Counter(step.kind for step, _id in {(each.step, each.id) for each in self.told if each.status == 201})


@dataclass(frozen=True, slots=True)
class Made:
    """
    A row of the house.

    :param state: of its payment or refund; of an invoice, its status
    """

    step: Step
    id: str
    state: str


@dataclass(frozen=True, slots=True)
class House:
    """
    :param made: invoices, payments and refunds of the test's payers
    :param balances: by payer
    :param tokens: what each purchase gives
    """

    made: Sequence[Made]
    balances: Mapping[str, int]
    tokens: int


def check(purchases: Purchases, house: House) -> list[str]:
    """Everything that is wrong, one sentence each; nothing when payers and house agree."""
    return [*_answers(purchases), *_rows(purchases, house), *_balances(house)]


def _answers(purchases: Purchases) -> Iterator[str]:
    ids: dict[Step, set[str]] = defaultdict(set)
    for told in purchases.told:
        if told.status == 503:
            if not told.content_type.startswith("application/problem+json"):
                yield f"{told.step.key}: a 503 that is no problem document: {told.content_type}"
        elif told.status != 201:
            yield f"{told.step.key}: the {told.step.kind} was answered {told.status} {told.code}"
        else:
            ids[told.step].add(told.id)
    for step, different in ids.items():
        if len(different) > 1:
            yield f"{step.key}: different answers to one {step.kind}: {sorted(different)}"
    for step in purchases.attempted - ids.keys():
        yield f"{step.key}: the {step.kind} was never settled"


def _rows(purchases: Purchases, house: House) -> Iterator[str]:
    confirmed = {told.step: told.id for told in purchases.told if told.status == 201}
    made: dict[Step, list[Made]] = defaultdict(list)
    for row in house.made:
        made[row.step].append(row)
    for step, told in confirmed.items():
        ids = [row.id for row in made[step]]
        if not ids:
            yield f"{step.key}: the {step.kind} was confirmed and lost"
        elif told not in ids:
            yield f"{step.key}: the {step.kind} was confirmed as {told}, and is {ids[0]}"
    for step, rows in made.items():
        if rows and step not in purchases.attempted:
            yield f"{step.key}: a {step.kind} that was never attempted"
        if len(rows) > 1:
            yield f"{step.key}: the {step.kind} is there {len(rows)} times"
        for row in rows:
            if step.kind == "refund" and row.state != "succeeded":
                yield f"{step.key}: the refund is {row.state}"


def _balances(house: House) -> Iterator[str]:
    bought = Counter(row.step.user for row in house.made if row.step.kind == "payment")
    returned = Counter(row.step.user for row in house.made if row.step.kind == "refund")
    for user, balance in house.balances.items():
        worth = house.tokens * (bought[user] - returned[user])
        if balance != worth:
            yield f"{user}: has {balance} tokens, and paid for {worth}"
