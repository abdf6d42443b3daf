"""
Holds: tokens set aside for work that is not done yet.

Each step is one SQL statement that moves the hold and the wallet's ``held_tokens`` together. The wallet's row lock
lines callers up; ``billing_hold_is_closed_once`` and the conditional ``UPDATE`` let exactly one of capture, release and
expiry win; ``billing_hold_key_is_unique_per_wallet`` stops a key from working twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing import errors, locks
from billing.models import Hold, Transaction, Wallet
from billing.operations import expirations
from billing.operations.charges import actor_json, check_tokens
from billing.owners import Owner
from billing.rules import keys
from core import errors as core_errors
from core.actors import Actor
from core.database import operation
from core.ids import uuid7

DEFAULT_SECONDS: Final = 15 * 60
MAX_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Placed:
    """
    :param hold: the hold
    :param replayed: whether it is an earlier call's, found by its key
    """

    hold: Hold
    replayed: bool


@operation
def place(
    *,
    owner: Owner,
    tokens: int,
    key: str,
    by: Actor,
    expires_in: int = DEFAULT_SECONDS,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Placed:
    """
    Set tokens aside. The same key gives the first hold back, whatever became of it.

    :param expires_in: seconds after which the hold runs out by itself, 1 to 30 days
    :raises errors.InsufficientTokens: less is available
    :raises errors.WalletFrozen: the wallet pays for nothing now
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such wallet
    """
    check_tokens(tokens)
    if not 1 <= expires_in <= MAX_SECONDS:
        raise core_errors.ValidationFailed(fields={"expires_in": [f"1 … {MAX_SECONDS}"]})
    wanted = keys.request_hash(
        "hold", tokens=tokens, expires_in=expires_in, description=description, metadata=metadata or {}
    )
    wallet = locks.wallet_of(owner)
    # Look for a replay only after the lock: two calls may arrive together.
    if first := Hold.objects.filter(wallet=wallet, idempotency_key=keys.checked(key)).first():
        if bytes(first.request_hash) != wanted:
            raise errors.IdempotencyMismatch()
        return Placed(first, replayed=True)
    hold_id = uuid7()
    parameters = {
        "id": hold_id,
        "wallet": wallet.pk,
        "tokens": tokens,
        "expires_in": expires_in,
        "description": description,
        "metadata": json.dumps(metadata or {}),
        "key": key,
        "hash": wanted,
        "actor": actor_json(by),
    }
    if not _moved(_PLACE, parameters):
        expirations.book(wallet_id=wallet.pk, by=by)
        if not _moved(_PLACE, parameters):
            wallet.refresh_from_db()
            available = wallet.token_balance - wallet.held_tokens
            refusal = errors.WalletFrozen if wallet.frozen_at else errors.InsufficientTokens
            raise refusal(required=tokens, available=available)
    return Placed(Hold.objects.get(pk=hold_id), replayed=False)


@operation
def capture(*, hold_id: UUID, by: Actor, tokens: int | None = None) -> Transaction:
    """
    Take the held tokens, or a part of them; the rest is released. Once: a second capture is refused.

    :param tokens: how many, at most what is held; all by default
    :returns: the ledger row
    :raises errors.HoldNotFound: there is no such hold
    :raises errors.HoldClosed: it was captured, released or has run out
    :raises errors.CaptureExceedsHold: more was asked for than is held
    """
    wallet, hold = _locked(hold_id)
    wanted = hold.tokens if tokens is None else tokens
    check_tokens(wanted)
    if wanted > hold.tokens:
        raise errors.CaptureExceedsHold(required=wanted, held=hold.tokens)
    _refuse_closed(hold)
    transaction_id = uuid7()
    moved = _moved(
        _CAPTURE,
        {
            "hold": hold.pk,
            "tokens": wanted,
            "id": transaction_id,
            "key": keys.own("hold", hold.pk, "captured"),
            "hash": keys.request_hash("capture", hold=hold.pk, tokens=wanted),
            "actor": actor_json(by),
        },
    )
    if not moved:
        raise errors.HoldClosed(state=Hold.State.EXPIRED.value)
    if wallet.protected_tokens:
        # Some of the held tokens were past their expiry and lived by the hold alone.
        expirations.book(wallet_id=wallet.pk, by=by)
    return Transaction.objects.get(pk=transaction_id)


@operation
def release(*, hold_id: UUID, by: Actor) -> Hold:
    """
    Give the held tokens back. Tokens that had expired and were only protected by the hold expire now. Releasing
    a released hold changes nothing.

    :raises errors.HoldNotFound: there is no such hold
    :raises errors.HoldClosed: it was captured or has run out
    """
    wallet, hold = _locked(hold_id)
    if hold.state == Hold.State.RELEASED:
        return hold
    _refuse_closed(hold)
    if not _moved(_RELEASE, {"hold": hold.pk}):
        raise errors.HoldClosed(state=Hold.State.EXPIRED.value)
    if wallet.protected_tokens:
        # Some of the held tokens were past their expiry and lived by the hold alone.
        expirations.book(wallet_id=wallet.pk, by=by)
    hold.refresh_from_db()
    return hold


def _locked(hold_id: UUID) -> tuple[Wallet, Hold]:
    wallet_id = Hold.objects.filter(pk=hold_id).values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.HoldNotFound(str(hold_id))
    wallet = locks.wallet(wallet_id)
    return wallet, Hold.objects.get(pk=hold_id)


def _refuse_closed(hold: Hold) -> None:
    if hold.state != Hold.State.OPEN:
        raise errors.HoldClosed(state=hold.state)


def _moved(statement: str, parameters: Mapping[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() is not None


_PLACE: Final = """
    WITH moved AS (
        UPDATE billing_wallet w SET held_tokens = w.held_tokens + %(tokens)s::bigint
        WHERE w.id = %(wallet)s::uuid
            AND w.token_balance - w.held_tokens >= %(tokens)s::bigint
            AND w.frozen_at IS NULL
            AND (w.next_expiry_at IS NULL OR w.next_expiry_at > core_now())
        RETURNING w.id
    )
    INSERT INTO billing_hold (id, wallet_id, tokens, captured_tokens, state, description, metadata, idempotency_key,
        request_hash, actor, expires_at, created_at)
    SELECT %(id)s::uuid, moved.id, %(tokens)s::bigint, 0, 'open', %(description)s::text, %(metadata)s::jsonb,
        %(key)s::text, %(hash)s::bytea, %(actor)s::jsonb,
        core_now() + %(expires_in)s::int * interval '1 second', core_now()
    FROM moved
    RETURNING id
"""

_CAPTURE: Final = """
    WITH closed AS (
        UPDATE billing_hold h
        SET state = 'captured', captured_tokens = %(tokens)s::bigint, closed_at = core_now()
        WHERE h.id = %(hold)s::uuid AND h.state = 'open' AND h.expires_at > core_now()
        RETURNING h.id, h.wallet_id, h.tokens, h.captured_tokens, h.description, h.metadata
    ), moved AS (
        UPDATE billing_wallet w
        SET token_balance = w.token_balance - closed.captured_tokens,
            held_tokens = w.held_tokens - closed.tokens,
            protected_tokens = least(w.protected_tokens, w.held_tokens - closed.tokens),
            balance_version = w.balance_version + 1
        FROM closed WHERE w.id = closed.wallet_id
        RETURNING w.id, w.balance_version, w.token_balance
    )
    INSERT INTO billing_transaction (id, wallet_id, sequence, type, tokens_delta, balance_after, description, hold_id,
        metadata, idempotency_key, request_hash, actor, created_at)
    SELECT %(id)s::uuid, moved.id, moved.balance_version, 'capture', -closed.captured_tokens, moved.token_balance,
        closed.description, closed.id, closed.metadata, %(key)s::text, %(hash)s::bytea, %(actor)s::jsonb, core_now()
    FROM moved, closed
    RETURNING id
"""

_RELEASE: Final = """
    WITH closed AS (
        UPDATE billing_hold h SET state = 'released', closed_at = core_now()
        WHERE h.id = %(hold)s::uuid AND h.state = 'open' AND h.expires_at > core_now()
        RETURNING h.id, h.wallet_id, h.tokens
    )
    UPDATE billing_wallet w
    SET held_tokens = w.held_tokens - closed.tokens,
        protected_tokens = least(w.protected_tokens, w.held_tokens - closed.tokens)
    FROM closed WHERE w.id = closed.wallet_id
    RETURNING closed.id
"""
