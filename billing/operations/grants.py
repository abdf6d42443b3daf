"""
Manual credits: with a reason, once for a key, within the giver's day, and above a set size only with a second person.

Every door ends here, so that the limits hold at each of them. ``credits.add`` below is a part of what moves tokens and
no door's: it knows of no limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit.operations import records
from billing import errors, locks
from billing.models import CreditRequest, Transaction
from billing.operations import credit_allowances, credit_requests, credits
from billing.operations.charges import check_tokens
from billing.owners import Owner
from billing.queries.credit_limits import find_giver
from billing.rules import keys
from core import clock
from core.actors import Actor, circumstances
from core.database import operation
from core.errors import ReasonMissing

# Where people knock: whoever gives tokens here is somebody.
_DOORS_OF_PEOPLE: Final = frozenset({"admin", "api", "shell"})


@dataclass(frozen=True, slots=True)
class Given:
    """
    :param transaction: the lot's ledger row; None while a colleague has not approved it
    :param request: what waits for a colleague, or was decided by one; None for what needs none
    :param replayed: whether it is an earlier call's, found by its key
    """

    transaction: Transaction | None
    request: CreditRequest | None
    replayed: bool


@operation
def give(
    *,
    owner: Owner,
    tokens: int,
    reason: str,
    key: str,
    by: Actor,
    expires_at: datetime | None = None,
) -> Given:
    """
    Credit tokens by hand, or ask a colleague to. The same key gives the first answer back and moves nothing: the
    credit, or the request and what has become of it.

    :param reason: why; kept with the row and in the audit log
    :param expires_at: when what is left expires; None means never
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.CreditByNobody: it came through a door of people, and not from a person or a key
    :raises errors.CreditLimitReached: the giver has less left of today
    :raises errors.CreditTooLarge: it needs a colleague's approval, which the giver may not ask for
    :raises errors.CreditRequestPending: another one that the giver asked for waits for this customer
    :raises errors.ExpiryInThePast: ``expires_at`` is not in the future
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such wallet
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    check_tokens(tokens)
    wanted = keys.request_hash("grant", tokens=tokens, reason=reason, expires_at=expires_at)
    wallet = locks.wallet_of(owner)
    # Look for a replay only after the lock: two calls may arrive together.
    asked = CreditRequest.objects.select_related("transaction").filter(wallet=wallet, idempotency_key=keys.checked(key))
    if first := asked.first():
        if bytes(first.request_hash) != wanted:
            raise errors.IdempotencyMismatch()
        return Given(first.transaction, first, replayed=True)
    if not Transaction.objects.filter(wallet=wallet, idempotency_key=key).exists():
        if expires_at is not None and expires_at <= clock.now():
            raise errors.ExpiryInThePast(fields={"expires_at": [errors.ExpiryInThePast.title]})
        giver = find_giver(by)
        if giver is None and circumstances().door in _DOORS_OF_PEOPLE:
            raise errors.CreditByNobody()
        if giver and tokens > giver.approval_above:
            made = credit_requests.ask(
                wallet=wallet,
                giver=giver,
                tokens=tokens,
                reason=reason,
                key=key,
                request_hash=wanted,
                lot_expires_at=expires_at,
                by=by,
            )
            return Given(None, made, replayed=False)
        if giver:
            credit_allowances.take(giver=giver, tokens=tokens, by=by)
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
    return Given(credited.transaction, None, replayed=credited.replayed)
