"""
Writing ledger rows, for everything but the hot path.

Each function takes a wallet that its caller has locked (``billing.locks``) and moves the ledger and the wallet's
row together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from billing import errors, locks
from billing.models import LotCheckpoint, Transaction, Wallet
from billing.queries.lots import Replayed, as_fields, replay_wallet
from billing.rules import keys
from billing.rules.lots import LedgerOverdrawn, Lot
from core.actors import Actor
from core.database import operation

# A replay that read more rows than this leaves a checkpoint, so that the next one reads fewer.
CHECKPOINT_EVERY: Final = 500
_CHECKPOINTS_AT_ONCE: Final = 1_000


def find_replay(wallet: Wallet, key: str, request_hash: bytes) -> Transaction | None:
    """
    The row that an earlier call with this key wrote.

    :raises errors.IdempotencyMismatch: the key was used for another request
    """
    found = Transaction.objects.filter(wallet=wallet, idempotency_key=key).first()
    if found is not None and bytes(found.request_hash) != request_hash:
        raise errors.IdempotencyMismatch()
    return found


def append(
    wallet: Wallet,
    *,
    type: Transaction.Type,
    tokens_delta: int,
    key: str,
    by: Actor,
    request_hash: bytes | None = None,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    invoice_id: UUID | None = None,
    hold_id: UUID | None = None,
    reverses_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Transaction:
    """
    Append one row and move the wallet's balance and version with it.

    :param wallet: locked; its attributes follow
    :param tokens_delta: signed
    :raises errors.InsufficientTokens: the balance would become negative
    """
    if wallet.token_balance + tokens_delta < 0:
        raise errors.InsufficientTokens(required=-tokens_delta, available=wallet.token_balance)
    wallet.balance_version += 1
    wallet.token_balance += tokens_delta
    Wallet.objects.filter(pk=wallet.pk).update(
        token_balance=wallet.token_balance, balance_version=wallet.balance_version
    )
    return Transaction.objects.create(
        wallet=wallet,
        sequence=wallet.balance_version,
        type=type,
        tokens_delta=tokens_delta,
        balance_after=wallet.token_balance,
        description=description,
        metadata=dict(metadata or {}),
        invoice_id=invoice_id,
        hold_id=hold_id,
        reverses_id=reverses_id,
        expires_at=expires_at,
        idempotency_key=key,
        request_hash=request_hash if request_hash is not None else keys.request_hash(key),
        actor={"kind": by.kind, "id": by.id, "label": by.label},
    )


def replayed_lots(wallet: Wallet) -> Replayed:
    """The lots of a locked wallet; leaves a checkpoint where the way was long."""
    found = replay_wallet(wallet.pk)
    if found.rows_read >= CHECKPOINT_EVERY:
        keep_checkpoints([(wallet.pk, found.sequence, found.lots)])
    return found


def keep_checkpoints(found: Sequence[tuple[UUID, int, Sequence[Lot]]]) -> None:
    """
    Remember lots as they are after a ledger row. What was kept of a later row stays, so that nobody needs the
    wallet's lock: a row never changes, and neither does what is left after it.

    :param found: each wallet's id, the last sequence replayed and the lots with something left; a wallet occurs once
    """
    with connection.cursor() as cursor:
        for start in range(0, len(found), _CHECKPOINTS_AT_ONCE):
            wallets, sequences, lots = zip(*found[start : start + _CHECKPOINTS_AT_ONCE], strict=True)
            kept = [json.dumps([as_fields(lot) for lot in each]) for each in lots]
            cursor.execute(_KEEP_CHECKPOINTS, [list(wallets), list(sequences), kept])


# In the order of wallets, so that two who write many wait for one another instead of deadlocking.
_KEEP_CHECKPOINTS: Final = """
    INSERT INTO billing_lotcheckpoint AS kept (wallet_id, sequence, lots)
    SELECT wallet_id, sequence, lots::jsonb
    FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS found (wallet_id, sequence, lots)
    ORDER BY wallet_id
    ON CONFLICT (wallet_id) DO UPDATE SET sequence = excluded.sequence, lots = excluded.lots
        WHERE excluded.sequence > kept.sequence
"""


@operation
def write_checkpoint(*, wallet_id: UUID, by: Actor) -> int:
    """
    Leave a checkpoint of a wallet's lots. Running it twice changes nothing; the wallet's lock keeps two apart.

    :returns: the sequence that the checkpoint stands at
    """
    locked = locks.wallet(wallet_id)
    found = replay_wallet(locked.pk)
    if found.sequence:
        keep_checkpoints([(locked.pk, found.sequence, found.lots)])
    return found.sequence


def sweep_checkpoints(*, by: Actor) -> int:
    """
    Leave checkpoints on all ledgers that have grown long, each in a transaction of its own. One that contradicts
    itself is passed by, so that it does not stand in the others' way: reconciliation tells of it.

    :returns: how many were written
    """
    written = 0
    contradicting: set[UUID] = set()
    while grown := [pk for pk in list_without_recent_checkpoint() if pk not in contradicting]:
        for wallet_id in grown:
            try:
                write_checkpoint(wallet_id=wallet_id, by=by)
                written += 1
            except LedgerOverdrawn:
                contradicting.add(wallet_id)
    return written


def list_without_recent_checkpoint(limit: int = 200) -> list[UUID]:
    """Wallets whose ledger has grown long since their last checkpoint, at most ``limit``."""
    recent = LotCheckpoint.objects.filter(
        wallet=OuterRef("pk"), sequence__gt=OuterRef("balance_version") - CHECKPOINT_EVERY
    )
    grown = Wallet.objects.filter(~Exists(recent), balance_version__gte=CHECKPOINT_EVERY)
    return list(grown.order_by("pk").values_list("pk", flat=True)[:limit])
