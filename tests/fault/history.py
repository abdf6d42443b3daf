"""What clients tried and what they were told, and whether the books bear it out."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Charge:
    """One deed that a client wants done once, however often it has to ask."""

    key: str
    user: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a client was told about a key.

    :param status: of HTTP; for an item of a batch, the one that a single charge would have had
    :param content_type: of the body
    :param transaction: the ledger row's id, when charged
    """

    key: str
    status: int
    content_type: str = "application/json"
    transaction: str = ""


@dataclass
class History:
    """Written by many clients at once."""

    attempted: dict[str, Charge] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    # Requests that nobody answered: refused, reset, timed out.
    drops: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, charge: Charge) -> None:
        """To be noted before the request is sent."""
        with self._lock:
            self.attempted[charge.key] = charge

    def answer(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)

    def drop(self) -> None:
        with self._lock:
            self.drops += 1

    def statuses(self) -> Mapping[int, int]:
        """How often each status was seen."""
        return Counter(answer.status for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger row."""

    id: str
    user: str
    sequence: int
    key: str
    tokens_delta: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Books:
    """
    :param rows: the ledgers of the test's users, charges and others
    :param balances: by user, as their wallets say
    """

    rows: Sequence[Row]
    balances: Mapping[str, int]


def check(history: History, books: Books) -> list[str]:
    """Everything that is wrong, one sentence each; nothing when history and books agree."""
    return [*_answers(history), *_charges(history, books), *_ledgers(books)]


def _answers(history: History) -> Iterator[str]:
    said: dict[str, set[str]] = defaultdict(set)
    for answer in history.answers:
        if answer.status == 503:
            if not answer.content_type.startswith("application/problem+json"):
                yield f"{answer.key}: a 503 that is no problem document: {answer.content_type}"
        elif answer.status not in (201, 402):
            yield f"{answer.key}: answered {answer.status}"
        else:
            said[answer.key].add(answer.transaction)
    for key, transactions in said.items():
        if len(transactions) > 1:
            yield f"{key}: different answers to one key: {sorted(transactions)}"
    for key in history.attempted.keys() - said.keys():
        yield f"{key}: never settled"


def _charges(history: History, books: Books) -> Iterator[str]:
    confirmed = {answer.key: answer.transaction for answer in history.answers if answer.status == 201}
    refused = {answer.key for answer in history.answers if answer.status == 402}
    booked: dict[str, list[Row]] = defaultdict(list)
    for row in books.rows:
        if row.tokens_delta < 0:
            booked[row.key].append(row)
    for key, transaction in confirmed.items():
        if not booked[key]:
            yield f"{key}: confirmed and lost"
        elif transaction not in {row.id for row in booked[key]}:
            yield f"{key}: confirmed as {transaction}, booked as {booked[key][0].id}"
    for key, rows in booked.items():
        charge = history.attempted.get(key)
        if charge is None:
            if rows:
                yield f"{key}: booked and never attempted"
            continue
        if len(rows) > 1:
            yield f"{key}: doubled"
        if key in refused:
            yield f"{key}: refused and booked"
        for row in rows:
            if (row.user, -row.tokens_delta) != (charge.user, charge.tokens):
                yield f"{key}: booked otherwise than asked"


def _ledgers(books: Books) -> Iterator[str]:
    ledgers: dict[str, list[Row]] = defaultdict(list)
    for row in books.rows:
        ledgers[row.user].append(row)
    for user, balance in books.balances.items():
        rows = sorted(ledgers[user], key=lambda row: row.sequence)
        if [row.sequence for row in rows] != list(range(1, len(rows) + 1)):
            yield f"{user}: the ledger has gaps"
        running = 0
        for row in rows:
            running += row.tokens_delta
            if row.balance_after != running:
                yield f"{user}: after row {row.sequence} the balance is {row.balance_after}, not {running}"
        if running != balance:
            yield f"{user}: the wallet says {balance}, its ledger {running}"
        if balance < 0:
            yield f"{user}: overdrawn"
