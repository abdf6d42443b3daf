"""
Charging many at once: up to 1 000 items in one SQL statement, each answered on its own.

The function ``billing_charge_many`` locks the wallets by id and decides after the lock; what one hot wallet can take is
limited by the flush of each commit, and only sets lift that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from billing import errors
from billing.models import Transaction
from billing.operations import expirations
from billing.operations.charges import COLUMNS, actor_json, check_tokens, request_hash, stored_transaction
from billing.owners import Owner
from billing.rules import keys
from core.actors import Actor
from core.errors import DomainError, Unavailable
from core.ids import uuid7

MAX_ITEMS: Final = 1_000

Status = Literal["charged", "replayed", "refused"]


@dataclass(frozen=True, slots=True)
class ChargeItem:
    """
    One charge of a batch.

    :param tokens: how many, 1 to 10¹²
    :param key: the caller's idempotency key, unique per wallet
    :param metadata: JSON to keep with the row
    """

    owner: Owner
    tokens: int
    key: str
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChargeResult:
    """
    :param transaction: the ledger row; None for a refused item
    :param error: why the item was refused
    """

    key: str
    status: Status
    transaction: Transaction | None = None
    error: DomainError | None = None


def charge_many(*, items: Sequence[ChargeItem], by: Actor) -> list[ChargeResult]:
    """
    Charge many wallets in one statement, in a transaction of its own. One wallet may appear many times: its items
    are served in order, as far as the balance goes. A key works once, also within the batch.

    :returns: one result for each item, in the order of the items
    :raises errors.BatchTooLarge: more than 1 000 items
    """
    if len(items) > MAX_ITEMS:
        raise errors.BatchTooLarge(items=len(items), maximum=MAX_ITEMS)
    results: dict[int, ChargeResult] = {}
    asked: dict[int, dict[str, Any]] = {}
    for place, item in enumerate(items):
        try:
            check_tokens(item.tokens)
            keys.checked(item.key)
        except DomainError as refusal:
            results[place] = ChargeResult(item.key, "refused", error=refusal)
        else:
            asked[place] = _as_json(place, item)
    verdicts = _run(list(asked.values()), by)
    if due := {verdict.wallet_id for verdict in verdicts.values() if verdict.word == "due" and verdict.wallet_id}:
        for wallet_id in sorted(due):
            expirations.book(wallet_id=wallet_id, by=by)
        again = [asked[place] for place, verdict in verdicts.items() if verdict.word == "due"]
        verdicts |= _run(again, by)
    for place, verdict in verdicts.items():
        results[place] = verdict.result(items[place])
    return [results[place] for place in range(len(items))]


def _as_json(place: int, item: ChargeItem) -> dict[str, Any]:
    return {
        "place": place,
        "id": str(uuid7()),
        "kind": item.owner.kind,
        "owner": str(item.owner.value),
        "tokens": item.tokens,
        "key": item.key,
        "hash": request_hash(item.tokens, item.description, item.metadata).hex(),
        "description": item.description,
        "metadata": dict(item.metadata),
    }


@dataclass(frozen=True, slots=True)
class _Verdict:
    word: str
    wallet_id: UUID | None
    available: int | None
    transaction: Transaction | None

    def result(self, item: ChargeItem) -> ChargeResult:
        if self.word == "charged":
            return ChargeResult(item.key, "charged", self.transaction)
        if self.word == "replayed":
            return ChargeResult(item.key, "replayed", self.transaction)
        return ChargeResult(item.key, "refused", error=self._refusal(item))

    def _refusal(self, item: ChargeItem) -> DomainError:
        if self.word == "unknown":
            return errors.WalletNotFound(str(item.owner))
        if self.word == "mismatch":
            return errors.IdempotencyMismatch()
        if self.word == "due":
            # Something fell due again right after it was booked.
            return Unavailable(retry_after=1)
        refusal = errors.WalletFrozen if self.word == "frozen" else errors.InsufficientTokens
        return refusal(required=item.tokens, available=max(self.available or 0, 0))


def _run(asked: Sequence[Mapping[str, Any]], by: Actor) -> dict[int, _Verdict]:
    if not asked:
        return {}
    columns = ", ".join(f"(entry).{column}" for column in COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT place, verdict, wallet, available, {columns} "  # noqa: S608 (columns of a closed list)
            "FROM billing_charge_many(%s::jsonb, %s::jsonb)",
            [json.dumps(asked), actor_json(by)],
        )
        rows = cursor.fetchall()
    return {
        place: _Verdict(word, wallet_id, available, stored_transaction(entry) if entry[0] else None)
        for place, word, wallet_id, available, *entry in rows
    }
