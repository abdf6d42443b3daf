"""
Booking what has expired: lots past their day, holds past their time.

Safe to run twice and at once: the wallet's row lock lines callers up, and whoever comes second finds nothing due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing import locks
from billing.models import Hold, Transaction, Wallet
from billing.operations import ledger
from billing.rules import keys
from billing.rules.lots import Expiry, LedgerOverdrawn, expiry
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Booked:
    """
    :param expired_tokens: tokens taken from lots past their expiry
    :param expired_holds: holds that ran out
    """

    expired_tokens: int
    expired_holds: int


@operation
def book(*, wallet_id: UUID, by: Actor) -> Booked:
    """
    Book everything that is due in a wallet: holds that ran out are closed first, then what is left of each lot past
    its expiry is taken, except what open holds protect.

    :raises billing.errors.WalletNotFound: there is no such wallet
    """
    wallet = locks.wallet(wallet_id)
    expired_holds = _close_due_holds(wallet)
    moment = clock.now()
    lots = ledger.replayed_lots(wallet).lots
    due = expiry(lots, held=wallet.held_tokens, moment=moment)
    for lot, tokens in due.expiring:
        ledger.append(
            wallet,
            type=Transaction.Type.EXPIRATION,
            tokens_delta=-tokens,
            # A lot that a hold protected may expire in parts: the version tells them apart.
            key=keys.own("lot", lot.id, "expired", wallet.balance_version),
            by=by,
            reverses_id=lot.id,
        )
    next_expiry_at = _next_booking(wallet, due)
    if (wallet.next_expiry_at, wallet.protected_tokens) != (next_expiry_at, due.protected):
        Wallet.objects.filter(pk=wallet.pk).update(next_expiry_at=next_expiry_at, protected_tokens=due.protected)
    return Booked(due.tokens, expired_holds)


def _next_booking(wallet: Wallet, due: Expiry) -> datetime | None:
    """When something is due again: a lot expires, or a hold runs out by which expired tokens live."""
    moments = [due.next_expiry_at] if due.next_expiry_at else []
    if due.protected:
        moments.extend(Hold.objects.filter(wallet=wallet, state=Hold.State.OPEN).values_list("expires_at", flat=True))
    return min(moments, default=None)


def _close_due_holds(wallet: Wallet) -> int:
    due = list(Hold.objects.filter(wallet=wallet, state=Hold.State.OPEN, expires_at__lte=CoreNow()))
    if due:
        Hold.objects.filter(pk__in=[hold.pk for hold in due], state=Hold.State.OPEN).update(
            state=Hold.State.EXPIRED, closed_at=CoreNow()
        )
        tokens = sum(hold.tokens for hold in due)
        wallet.held_tokens -= tokens
        # What was protected is judged again by the caller, in this transaction.
        wallet.protected_tokens = 0
        Wallet.objects.filter(pk=wallet.pk).update(held_tokens=F("held_tokens") - tokens, protected_tokens=0)
    return len(due)


def sweep(*, by: Actor) -> int:
    """
    Book every wallet that has something due, each in a transaction of its own. A wallet whose ledger contradicts itself
    is left alone and alerted, so that it does not stand in the others' way.

    :returns: how many wallets were booked
    """
    booked: set[UUID] = set()
    contradicting: set[UUID] = set()
    while due := [wallet_id for wallet_id in list_due_wallets() if wallet_id not in contradicting]:
        for wallet_id in due:
            try:
                book(wallet_id=wallet_id, by=by)
            except LedgerOverdrawn as contradiction:
                contradicting.add(wallet_id)
                alerts.raise_alert(
                    f"billing.expiry_impossible:{wallet_id}",
                    severity="critical",
                    title=gettext_noop("The books do not agree"),
                    body=str(contradiction),
                    wallet=str(wallet_id),
                )
        booked.update(due)
    return len(booked - contradicting)


def list_due_wallets(limit: int = _BATCH) -> list[UUID]:
    """Wallets that have something to book now, at most ``limit``."""
    lots = Wallet.objects.filter(next_expiry_at__lte=CoreNow()).order_by("next_expiry_at")
    due = set(lots.values_list("pk", flat=True)[:limit])
    holds = Hold.objects.filter(state=Hold.State.OPEN, expires_at__lte=CoreNow()).order_by("expires_at")
    due.update(holds.values_list("wallet_id", flat=True)[:limit])
    return sorted(due)[:limit]
