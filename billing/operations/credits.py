"""Adding tokens to a wallet, and taking back what a credit gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from billing import errors, locks
from billing.models import Transaction, Wallet
from billing.operations import expirations, ledger
from billing.operations.charges import check_tokens
from billing.rules import keys
from core.actors import Actor
from core.database import operation


@dataclass(frozen=True, slots=True)
class Credited:
    """
    :param transaction: the lot's ledger row
    :param replayed: whether it is an earlier call's, found by its key
    """

    transaction: Transaction
    replayed: bool


@operation
def add(
    *,
    wallet_id: UUID,
    type: Transaction.Type,
    tokens: int,
    key: str,
    by: Actor,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    invoice_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Credited:
    """
    Credit a lot. A debt is repaid first, from this lot. The same key gives the first credit back:
    ``billing_transaction_key_is_unique_per_wallet``, looked up under the wallet's lock.

    :param expires_at: when what is left of the lot expires; None means never
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such wallet
    """
    check_tokens(tokens)
    wanted = keys.request_hash(
        type,
        tokens=tokens,
        description=description,
        metadata=metadata or {},
        invoice=invoice_id,
        expires_at=expires_at,
    )
    wallet = locks.wallet(wallet_id)
    if first := ledger.find_replay(wallet, key, wanted):
        return Credited(first, replayed=True)
    lot = ledger.append(
        wallet,
        type=type,
        tokens_delta=tokens,
        key=key,
        by=by,
        request_hash=wanted,
        description=description,
        metadata=metadata,
        invoice_id=invoice_id,
        expires_at=expires_at,
    )
    if expires_at is not None and (wallet.next_expiry_at is None or expires_at < wallet.next_expiry_at):
        wallet.next_expiry_at = expires_at
        Wallet.objects.filter(pk=wallet.pk).update(next_expiry_at=expires_at)
    _repay_debt(wallet, lot, by=by)
    return Credited(lot, replayed=False)


def _repay_debt(wallet: Wallet, lot: Transaction, *, by: Actor) -> None:
    tokens = min(wallet.debt_tokens, lot.tokens_delta)
    if tokens:
        ledger.append(
            wallet,
            type=Transaction.Type.ADJUSTMENT,
            tokens_delta=-tokens,
            key=keys.own("lot", lot.pk, "debt"),
            by=by,
            reverses_id=lot.pk,
            metadata={"debt_repaid": tokens},
        )
        wallet.debt_tokens -= tokens
        Wallet.objects.filter(pk=wallet.pk).update(debt_tokens=wallet.debt_tokens)


@dataclass(frozen=True, slots=True)
class Reversed:
    """
    :param transaction: the ledger row; None when nothing was left to take
    :param tokens: how many were taken back
    :param shortfall: how many of the wanted tokens had been spent, or are held
    """

    transaction: Transaction | None
    tokens: int
    shortfall: int


@operation
def reverse(
    *,
    lot_id: UUID,
    tokens: int,
    type: Transaction.Type,
    key: str,
    by: Actor,
    description: str = "",
) -> Reversed:
    """
    Take tokens back from one credit: what is left of this lot and not held, never another lot.

    :param tokens: how many, at most what the credit gave less what was taken back from it before
    :param type: ``refund``, ``chargeback`` or ``adjustment``
    :raises errors.ReversalExceedsLot: more than the credit gave was asked for, all reversals together
    :raises errors.IdempotencyMismatch: the key was used for another request
    """
    check_tokens(tokens)
    wanted = keys.request_hash("reverse", lot=lot_id, tokens=tokens, type=type)
    lot = Transaction.objects.get(pk=lot_id)
    wallet = locks.wallet(lot.wallet_id)
    if first := ledger.find_replay(wallet, key, wanted):
        return Reversed(first, -first.tokens_delta, tokens + first.tokens_delta)
    expirations.book(wallet_id=wallet.pk, by=by)
    wallet.refresh_from_db()
    taken_before = -sum(lot.reversals.exclude(type="expiration").values_list("tokens_delta", flat=True))
    if tokens > lot.tokens_delta - taken_before:
        raise errors.ReversalExceedsLot(required=tokens, remaining=lot.tokens_delta - taken_before)
    remaining = next((left.remaining for left in ledger.replayed_lots(wallet).lots if left.id == lot.pk), 0)
    free = wallet.token_balance - wallet.held_tokens
    take = min(tokens, remaining, free)
    row = None
    if take:
        row = ledger.append(
            wallet,
            type=type,
            tokens_delta=-take,
            key=key,
            by=by,
            request_hash=wanted,
            description=description,
            reverses_id=lot.pk,
            invoice_id=lot.invoice_id,
        )
    return Reversed(row, take, tokens - take)
