"""
Balances as people are shown them: without what has expired, swept or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from accounts.balances import BalanceView
from billing import errors
from billing.models import Hold, LotCheckpoint, Transaction, Wallet
from billing.owners import Owner
from billing.queries.lots import as_lot, ledger_rows, replay_wallet
from billing.rules.lots import LedgerRow, Lot, expiry, replay
from core import clock
from core.clock import CoreNow


@dataclass(frozen=True, slots=True)
class Balance:
    """
    A wallet as its owner sees it. All in tokens.

    :param lots: what is left of each credit, in spending order
    :param unbooked: by credit, what has run out of it and is booked with the next movement
    """

    wallet: Wallet
    token_balance: int
    held_tokens: int
    lots: list[Lot]
    unbooked: Mapping[UUID, int]

    @property
    def available_tokens(self) -> int:
        return self.token_balance - self.held_tokens


def find_wallet(owner: Owner) -> Wallet | None:
    """The wallet that an owner names."""
    return Wallet.objects.filter(owner.narrowed()).first()


def get_wallet(owner: Owner) -> Wallet:
    """
    The wallet that an owner names.

    :raises errors.WalletNotFound: there is no such wallet
    """
    found = find_wallet(owner)
    if found is None:
        raise errors.WalletNotFound(str(owner))
    return found


def get_balance(owner: Owner) -> Balance:
    """
    A wallet's balance, holds and lots, now.

    :raises errors.WalletNotFound: there is no such wallet
    """
    return balance_of(get_wallet(owner))


def balance_of(wallet: Wallet) -> Balance:
    """The same of a wallet that has been read; locked, where something is decided by it."""
    moment = clock.now()
    held = _held(wallet, moment)
    # Only rows up to the wallet's version: a charge that commits in between belongs to the next answer.
    lots = replay_wallet(wallet.pk, up_to=wallet.balance_version).lots
    due = expiry(lots, held=held, moment=moment)
    unbooked = {lot.id: tokens for lot, tokens in due.expiring}
    return Balance(wallet, wallet.token_balance - due.tokens, held, _without(lots, due.expiring), unbooked)


def _held(wallet: Wallet, moment: datetime) -> int:
    """Tokens in open holds that have not run out."""
    if not wallet.held_tokens:
        return 0
    ran_out = wallet.holds.filter(state=Hold.State.OPEN, expires_at__lte=moment)
    return wallet.held_tokens - int(ran_out.aggregate(tokens=Sum("tokens"))["tokens"] or 0)


def _without(lots: Sequence[Lot], expiring: Iterable[tuple[Lot, int]]) -> list[Lot]:
    gone = {lot.id: tokens for lot, tokens in expiring}
    left = (replace(lot, remaining=lot.remaining - gone.get(lot.id, 0)) for lot in lots)
    return [lot for lot in left if lot.remaining]


def shown_balances(user_ids: Sequence[UUID]) -> Mapping[UUID, BalanceView]:
    """
    Balances of many users in a fixed number of queries: one, and three more when anything is due to expire.

    :returns: by user id; users without a wallet are left out
    """
    wallets = list(Wallet.objects.filter(user_id__in=user_ids))
    expired = _expired_tokens([wallet for wallet in wallets if wallet.next_expiry_at is not None])
    return {
        wallet.user_id: BalanceView(
            token_balance=wallet.token_balance - expired.get(wallet.pk, 0),
            balance_version=wallet.balance_version,
            subscription_end=wallet.subscription_end,
        )
        for wallet in wallets
        if wallet.user_id is not None
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """A wallet in a list, in tokens: without what has expired, and without holds that have run out."""

    token_balance: int
    held_tokens: int

    @property
    def available_tokens(self) -> int:
        return self.token_balance - self.held_tokens


def shown_wallets(wallets: Sequence[Wallet]) -> Mapping[UUID, Shown]:
    """
    Balances of many wallets in at most six queries.

    :returns: by wallet id
    """
    expired = _expired_tokens([wallet for wallet in wallets if wallet.next_expiry_at is not None])
    ran_out: dict[UUID, int] = {}
    if holding := [wallet.pk for wallet in wallets if wallet.held_tokens]:
        due = Hold.objects.filter(wallet_id__in=holding, state=Hold.State.OPEN, expires_at__lte=CoreNow())
        ran_out = dict(due.values_list("wallet_id").annotate(tokens=Sum("tokens")))
    return {
        wallet.pk: Shown(
            token_balance=wallet.token_balance - expired.get(wallet.pk, 0),
            held_tokens=wallet.held_tokens - int(ran_out.get(wallet.pk, 0)),
        )
        for wallet in wallets
    }


def _expired_tokens(wallets: Sequence[Wallet]) -> dict[UUID, int]:
    """Tokens that have expired but are not booked yet, by wallet."""
    if not wallets:
        return {}
    moment = clock.now()
    due = {wallet.pk: wallet for wallet in wallets if wallet.next_expiry_at and wallet.next_expiry_at <= moment}
    if not due:
        return {}
    checkpoints = {found.wallet_id: found for found in LotCheckpoint.objects.filter(wallet_id__in=due)}
    ran_out = Hold.objects.filter(wallet_id__in=due, state=Hold.State.OPEN, expires_at__lte=moment)
    released = dict(ran_out.values_list("wallet_id").annotate(tokens=Sum("tokens")))
    rows: dict[UUID, list[LedgerRow]] = defaultdict(list)
    for wallet_id, row in ledger_rows(_since(due, checkpoints)):
        rows[wallet_id].append(row)
    expired = {}
    for wallet_id, wallet in due.items():
        found = checkpoints.get(wallet_id)
        lots = replay(rows[wallet_id], [as_lot(fields) for fields in found.lots] if found else [])
        held = wallet.held_tokens - int(released.get(wallet_id, 0))
        expired[wallet_id] = expiry(lots, held=held, moment=moment).tokens
    return expired


def _since(wallets: Mapping[UUID, Wallet], checkpoints: Mapping[UUID, LotCheckpoint]) -> QuerySet[Transaction]:
    wanted = Q(pk__in=[])
    for wallet_id, wallet in wallets.items():
        after = checkpoints[wallet_id].sequence if wallet_id in checkpoints else 0
        wanted |= Q(wallet_id=wallet_id, sequence__gt=after, sequence__lte=wallet.balance_version)
    return Transaction.objects.filter(wanted)


def balance_at(*, wallet_id: UUID, moment: datetime) -> int:
    """
    What a wallet's owner was shown at a moment, in tokens: the ledger up to then, without what had expired.

    :param moment: aware
    """
    last = (
        Transaction.objects.filter(wallet_id=wallet_id, created_at__lte=moment)
        .order_by("-sequence")
        .values_list("sequence", "balance_after")
        .first()
    )
    if last is None:
        return 0
    sequence, balance = last
    holds = Hold.objects.filter(wallet_id=wallet_id, created_at__lte=moment, expires_at__gt=moment)
    open_then = holds.filter(Q(closed_at__isnull=True) | Q(closed_at__gt=moment))
    held = int(open_then.aggregate(tokens=Sum("tokens"))["tokens"] or 0)
    return balance - expiry(replay_wallet(wallet_id, up_to=sequence).lots, held=held, moment=moment).tokens
