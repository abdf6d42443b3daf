"""Wallets: opened with their owner, frozen and unfrozen by staff."""

from __future__ import annotations

from uuid import UUID

from audit.operations import records
from billing import locks
from billing.models import Wallet
from billing.owners import Owner
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing


@operation
def open_for_user(*, user_id: UUID, by: Actor) -> Wallet:
    """Give a user a wallet. A second call finds the first one: the user's column is unique."""
    wallet, _created = Wallet.objects.get_or_create(user_id=user_id)
    return wallet


@operation
def open_for_company(*, company_id: UUID, by: Actor) -> Wallet:
    """Give a company a wallet. A second call finds the first one: the company's column is unique."""
    wallet, _created = Wallet.objects.get_or_create(company_id=company_id)
    return wallet


@operation
def freeze(*, owner: Owner, reason: str, by: Actor) -> Wallet:
    """
    Stop a wallet from paying for anything new. Freezing a frozen wallet changes nothing.

    :raises core.errors.ReasonMissing: no reason was given
    :raises billing.errors.WalletNotFound: there is no such wallet
    """
    if not reason.strip():
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    wallet = locks.wallet_of(owner)
    if wallet.frozen_at is None:
        Wallet.objects.filter(pk=wallet.pk).update(frozen_at=CoreNow(), frozen_reason=reason.strip())
        wallet.refresh_from_db()
        records.record("billing.wallet.frozen", entity=wallet, by=by, reason=reason)
    return wallet


@operation
def unfreeze(*, owner: Owner, reason: str, by: Actor) -> Wallet:
    """
    Let a wallet pay again. Unfreezing one that is not frozen changes nothing.

    :raises core.errors.ReasonMissing: no reason was given
    :raises billing.errors.WalletNotFound: there is no such wallet
    """
    if not reason.strip():
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    wallet = locks.wallet_of(owner)
    if wallet.frozen_at is not None:
        Wallet.objects.filter(pk=wallet.pk).update(frozen_at=None, frozen_reason="")
        wallet.refresh_from_db()
        records.record("billing.wallet.unfrozen", entity=wallet, by=by, reason=reason)
    return wallet
