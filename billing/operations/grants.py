"""Manual credits by staff, with a reason."""

from __future__ import annotations

from datetime import datetime

from audit.operations import records
from billing import errors, locks
from billing.models import Transaction
from billing.operations import credits
from billing.operations.credits import Credited
from billing.owners import Owner
from billing.rules import keys
from core import clock
from core.actors import Actor
from core.database import operation
from core.errors import ReasonMissing


@operation
def give(
    *,
    owner: Owner,
    tokens: int,
    reason: str,
    key: str,
    by: Actor,
    expires_at: datetime | None = None,
) -> Credited:
    """
    Credit tokens by hand. The same key gives the first credit back and moves nothing.

    :param reason: why; kept with the row and in the audit log
    :param expires_at: when what is left expires; None means never
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.ExpiryInThePast: ``expires_at`` is not in the future
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such wallet
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    keys.checked(key)
    wallet = locks.wallet_of(owner)
    replayed = Transaction.objects.filter(wallet=wallet, idempotency_key=key).exists()
    if not replayed and expires_at is not None and expires_at <= clock.now():
        raise errors.ExpiryInThePast(fields={"expires_at": [errors.ExpiryInThePast.title]})
    credited = credits.add(
        wallet_id=wallet.pk,
        type=Transaction.Type.GRANT,
        tokens=tokens,
        key=key,
        by=by,
        description=reason[:255],
        metadata={"reason": reason},
        expires_at=expires_at,
    )
    if not credited.replayed:
        records.record(
            "billing.grant.given",
            entity=wallet,
            by=by,
            reason=reason,
            tokens=tokens,
            transaction=str(credited.transaction.pk),
        )
    return credited
