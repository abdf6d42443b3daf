"""
Charging tokens: the hot path.

A charge is one SQL statement and, outside a caller's transaction, a transaction of its own. The conditional
``UPDATE`` of the wallet's row decides and locks at once; ``billing_transaction_key_is_unique_per_wallet`` is what
stops a key from working twice. Nothing is decided in Python and written later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import IntegrityError, connection, transaction

from billing import errors
from billing.models import Transaction
from billing.models.tariff import MAX_TOKENS
from billing.operations import expirations
from billing.owners import Owner, OwnerKind
from billing.rules import keys
from core import prepared
from core.actors import Actor
from core.errors import Unavailable
from core.ids import uuid7

# A refusal is only said after the wallet was seen to be short; a busy wallet may change in between.
_ATTEMPTS: Final = 5

COLUMNS: Final = (
    "id",
    "wallet_id",
    "sequence",
    "type",
    "tokens_delta",
    "balance_after",
    "description",
    "invoice_id",
    "hold_id",
    "reverses_id",
    "expires_at",
    "metadata",
    "idempotency_key",
    "request_hash",
    "actor",
    "created_at",
)
_HASH: Final = COLUMNS.index("request_hash")
_JSON_COLUMNS: Final = frozenset({"metadata", "actor"})


@dataclass(frozen=True)
class Charged:
    """
    What a charge did.

    :param row: the ledger row as stored, its columns in the order of :data:`COLUMNS`
    :param replayed: whether the row is an earlier call's, found by its key
    """

    row: Sequence[Any]
    replayed: bool

    @cached_property
    def transaction(self) -> Transaction:
        """The ledger row. Made when asked for: many callers only want to know that it is there."""
        return stored_transaction(self.row)


def charge(
    *,
    owner: Owner,
    tokens: int,
    key: str,
    by: Actor,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Charged:
    """
    Take tokens from a wallet. The same key gives the first charge back, also when the wallet is empty by now.

    :param tokens: how many, 1 to 10¹²
    :param key: the caller's idempotency key, unique per wallet, 1 to 255 printable characters
    :param metadata: JSON to keep with the row
    :raises errors.InsufficientTokens: less is available
    :raises errors.WalletFrozen: the wallet pays for nothing now
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such wallet
    :raises errors.TokensOutOfRange: not 1 to 10¹² tokens
    """
    check_tokens(tokens)
    wanted_hash = request_hash(tokens, description, metadata)
    parameters = {
        "id": uuid7(),
        "owner": owner.value,
        "tokens": tokens,
        "key": keys.checked(key),
        "hash": wanted_hash,
        "description": description,
        "metadata": json.dumps(metadata) if metadata else "{}",
        "actor": actor_json(by),
    }
    booked = False
    for _try in range(_ATTEMPTS):
        if charged := _attempt(owner.kind, parameters):
            return charged
        state = _state(owner)
        if state.due and not booked:
            expirations.book(wallet_id=state.wallet_id, by=by)
            booked = True
        elif state.frozen or state.available < tokens:
            # A racing twin may have committed between the two statements.
            if charged := _attempt(owner.kind, parameters):
                return charged
            refusal = errors.WalletFrozen if state.frozen else errors.InsufficientTokens
            raise refusal(required=tokens, available=max(state.available, 0))
    # The wallet kept changing under us; whoever changed it got through, so trying again makes sense.
    raise Unavailable(retry_after=1)


@lru_cache(maxsize=1_024)
def actor_json(by: Actor) -> str:
    """An actor as ledger rows keep it."""
    return json.dumps({"kind": by.kind, "id": by.id, "label": by.label})


def check_tokens(tokens: int) -> None:
    """
    :raises errors.TokensOutOfRange: not an integer from 1 to 10¹²
    """
    # The shell passes what it likes; a float or a bool here would be a defect in the ledger.
    if type(tokens) is not int or not 1 <= tokens <= MAX_TOKENS:
        raise errors.TokensOutOfRange(fields={"tokens": [f"1 … {MAX_TOKENS}"]})


def request_hash(tokens: int, description: str, metadata: Mapping[str, Any] | None) -> bytes:
    """What a charge's key stands for."""
    if not metadata:
        return _plain_hash(tokens, description)
    return keys.request_hash("charge", tokens=tokens, description=description, metadata=metadata)


# Most charges of a house are alike.
@lru_cache(maxsize=1_024)
def _plain_hash(tokens: int, description: str) -> bytes:
    return keys.request_hash("charge", tokens=tokens, description=description, metadata={})


@cache
def _statement(kind: OwnerKind) -> str:
    """
    The charge, for one way of naming the wallet. Parameters are cast, since they are bound by the server.

    A twin that commits while this statement waits for the wallet's row is not in its snapshot: the insert then
    violates the key's uniqueness, the statement undoes itself, and the next try finds the twin's row.
    """
    condition = Owner(kind, 0).condition
    stored = ", ".join(f"t.{column}" for column in COLUMNS)
    return f"""
        WITH replay AS (
            SELECT {stored} FROM billing_transaction t
            JOIN billing_wallet w ON w.id = t.wallet_id
            WHERE {condition} AND t.idempotency_key = %(key)s::text
        ), moved AS (
            UPDATE billing_wallet w
            SET token_balance = w.token_balance - %(tokens)s::bigint, balance_version = w.balance_version + 1
            WHERE {condition}
                AND w.token_balance - w.held_tokens >= %(tokens)s::bigint
                AND w.frozen_at IS NULL
                AND (w.next_expiry_at IS NULL OR w.next_expiry_at > core_now())
                AND NOT EXISTS (SELECT FROM replay)
            RETURNING w.id, w.balance_version, w.token_balance
        ), inserted AS (
            INSERT INTO billing_transaction AS t ({", ".join(COLUMNS)})
            SELECT %(id)s::uuid, moved.id, moved.balance_version, 'charge', -%(tokens)s::bigint,
                moved.token_balance, %(description)s::text, NULL, NULL, NULL, NULL, %(metadata)s::jsonb,
                %(key)s::text, %(hash)s::bytea, %(actor)s::jsonb, core_now()
            FROM moved
            RETURNING {stored}
        )
        SELECT false, * FROM inserted UNION ALL SELECT true, * FROM replay
    """  # noqa: S608 (the condition comes from a closed set; every value is bound)


def _attempt(kind: OwnerKind, parameters: Mapping[str, Any]) -> Charged | None:
    try:
        if connection.in_atomic_block:
            # Inside a caller's transaction a violation must not doom it: a savepoint, there only.
            with transaction.atomic():
                row = prepared.fetch_one(_statement(kind), parameters)
        else:
            row = prepared.fetch_one(_statement(kind), parameters)
    except IntegrityError as violation:
        if _is_twin(violation):
            return None
        raise
    if row is None:
        return None
    replayed, *stored = row
    if replayed and bytes(stored[_HASH]) != parameters["hash"]:
        raise errors.IdempotencyMismatch()
    return Charged(stored, replayed)


def _is_twin(violation: IntegrityError) -> bool:
    cause = violation.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    return name == "billing_transaction_key_is_unique_per_wallet"


def stored_transaction(row: Sequence[Any]) -> Transaction:
    """A ledger row as read by raw SQL, its columns in the order of ``COLUMNS``."""
    # Django leaves JSON to its fields, which raw SQL passes by.
    values = [
        json.loads(value) if column in _JSON_COLUMNS else value for column, value in zip(COLUMNS, row, strict=True)
    ]
    return Transaction.from_db(connection.alias, COLUMNS, values)


@dataclass(frozen=True, slots=True)
class _State:
    wallet_id: UUID
    available: int
    frozen: bool
    due: bool


def _state(owner: Owner) -> _State:
    """Why a charge found nothing to take."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT w.id, w.token_balance - w.held_tokens, w.frozen_at IS NOT NULL,
                coalesce(w.next_expiry_at <= core_now(), false) OR EXISTS (
                    SELECT FROM billing_hold h
                    WHERE h.wallet_id = w.id AND h.state = 'open' AND h.expires_at <= core_now())
            FROM billing_wallet w WHERE {owner.condition}
            """,  # noqa: S608 (the condition comes from a closed set; every value is bound)
            {"owner": owner.value},
        )
        row = cursor.fetchone()
    if row is None:
        raise errors.WalletNotFound(str(owner))
    return _State(*row)
