"""
Credits that wait for a second person: asked for, then approved, declined or expired, once.

The wallet's lock lines everybody up who decides; ``billing_creditrequest_is_decided_once`` lets one decision win, and
the house's own key of the ledger row lets an approved request credit once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_noop

from audit.models import AdminAlert
from audit.operations import alerts, records
from billing import errors, locks
from billing.models import CreditRequest, Transaction, Wallet
from billing.operations import credits
from billing.operations.credits import Credited
from billing.queries.credit_limits import Giver, find_decider
from billing.rules import keys
from billing.runtime_settings import CREDIT_REQUEST_LIFETIME_HOURS
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing


@operation
def ask(
    *,
    wallet: Wallet,
    giver: Giver,
    tokens: int,
    reason: str,
    key: str,
    request_hash: bytes,
    lot_expires_at: datetime | None,
    by: Actor,
) -> CreditRequest:
    """
    Ask for a credit that is too large for one. Nothing moves before a colleague approves it.

    :param wallet: locked
    :param key: not used for this wallet yet
    :raises errors.CreditTooLarge: the giver may not ask for it
    :raises errors.CreditRequestPending: another one that they asked for waits for this customer
    """
    if not giver.may_ask:
        raise errors.CreditTooLarge(required=tokens, maximum=giver.approval_above)
    waiting = CreditRequest.objects.filter(wallet=wallet, giver=giver.name, state=CreditRequest.State.PENDING).first()
    if waiting is not None:
        raise errors.CreditRequestPending(request=str(waiting.pk))
    made = CreditRequest.objects.create(
        wallet=wallet,
        tokens=tokens,
        reason=reason,
        lot_expires_at=lot_expires_at,
        giver=giver.name,
        requested_by_id=giver.person,
        actor={"kind": by.kind, "id": by.id, "label": by.label},
        idempotency_key=key,
        request_hash=request_hash,
        expires_at=clock.now() + timedelta(hours=CREDIT_REQUEST_LIFETIME_HOURS.get()),
    )
    records.record(
        "billing.credit_request.made", entity=made, by=by, reason=reason, tokens=tokens, wallet=str(wallet.pk)
    )
    alerts.raise_alert(
        f"billing.credit_request:{made.pk}",
        severity="info",
        title=gettext_noop("A credit waits for approval"),
        tokens=tokens,
        requested_by=by.label,
        wallet=str(wallet.pk),
        credit_request=str(made.pk),
    )
    return made


@operation
def approve(*, request_id: UUID, by: Actor) -> Credited:
    """
    Approve a colleague's credit, which credits it. Approving it again as the same person gives the credit back.

    :raises errors.CreditRequestNotFound: there is no such request
    :raises errors.CreditNotYoursToDecide: whoever acts is no colleague with the right to
    :raises errors.CreditRequestIsYourOwn: they asked for it themselves, by hand or through a key of theirs
    :raises errors.CreditRequestClosed: it was declined, has expired, or somebody else approved it
    :raises errors.ExpiryInThePast: the tokens would have expired by now
    """
    wallet, request = locks.credit_request(request_id)
    decider = _decider(request, by=by)
    if request.transaction and request.decided_by_id == decider:
        return Credited(request.transaction, replayed=True)
    _refuse_closed(request)
    if request.lot_expires_at is not None and request.lot_expires_at <= clock.now():
        raise errors.ExpiryInThePast()
    asked_by = str(request.actor["label"])
    credited = credits.add(
        wallet_id=wallet.pk,
        type=Transaction.Type.GRANT,
        tokens=request.tokens,
        key=keys.own("credit_request", request.pk, "approved"),
        by=by,
        description=request.reason[:255],
        metadata={"reason": request.reason, "credit_request": str(request.pk), "requested_by": asked_by},
        expires_at=request.lot_expires_at,
    )
    request.transaction = credited.transaction
    request.decided_by_id = decider
    _close(request, CreditRequest.State.APPROVED, by=by)
    for deed, entity in (("billing.credit_request.approved", request), ("billing.grant.given", wallet)):
        records.record(
            deed,
            entity=entity,
            by=by,
            reason=request.reason,
            tokens=request.tokens,
            requested_by=asked_by,
            credit_request=str(request.pk),
            transaction=str(credited.transaction.pk),
        )
    return credited


@operation
def decline(*, request_id: UUID, reason: str, by: Actor) -> CreditRequest:
    """
    Refuse a colleague's credit. Nothing moves.

    :param reason: why; whoever asked is shown it
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.CreditRequestNotFound: there is no such request
    :raises errors.CreditNotYoursToDecide: whoever acts is no colleague with the right to
    :raises errors.CreditRequestIsYourOwn: they asked for it themselves, by hand or through a key of theirs
    :raises errors.CreditRequestClosed: it was already approved, declined or has expired
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    _wallet, request = locks.credit_request(request_id)
    decider = _decider(request, by=by)
    _refuse_closed(request)
    request.decided_by_id = decider
    request.refusal = reason
    _close(request, CreditRequest.State.DECLINED, by=by)
    records.record(
        "billing.credit_request.declined",
        entity=request,
        by=by,
        reason=reason,
        tokens=request.tokens,
        requested_by=str(request.actor["label"]),
    )
    return request


@operation
def expire(*, request_id: UUID, by: Actor) -> bool:
    """
    Close a request that nobody has decided about in time, once. One that was decided in the meantime is left alone.

    :returns: whether it expired now
    :raises errors.CreditRequestNotFound: there is no such request
    """
    _wallet, request = locks.credit_request(request_id)
    if request.state != CreditRequest.State.PENDING or request.expires_at > clock.now():
        return False
    _close(request, CreditRequest.State.EXPIRED, by=by)
    return True


def sweep(*, by: Actor) -> int:
    """
    Close every request whose time has passed, each in a transaction of its own.

    :returns: how many expired
    """
    expired = 0
    while due := list_due():
        expired += sum(expire(request_id=request_id, by=by) for request_id in due)
    return expired


def list_due(limit: int = 500) -> list[UUID]:
    """Pending requests whose time has passed, at most ``limit``."""
    due = CreditRequest.objects.filter(state=CreditRequest.State.PENDING, expires_at__lte=CoreNow())
    return list(due.order_by("expires_at").values_list("pk", flat=True)[:limit])


def _decider(request: CreditRequest, *, by: Actor) -> UUID:
    decider = find_decider(by)
    if decider is None:
        raise errors.CreditNotYoursToDecide()
    if decider.pk == request.requested_by_id:
        raise errors.CreditRequestIsYourOwn()
    return decider.pk


def _refuse_closed(request: CreditRequest) -> None:
    if request.state != CreditRequest.State.PENDING:
        raise errors.CreditRequestClosed(state=request.state)
    if request.expires_at <= clock.now():
        # The sweeper has not come by yet.
        raise errors.CreditRequestClosed(state=CreditRequest.State.EXPIRED.value)


def _close(request: CreditRequest, state: CreditRequest.State, *, by: Actor) -> None:
    request.state = state
    request.decided_at = clock.now()
    request.save(update_fields=["state", "decided_at", "decided_by", "refusal", "transaction"])
    told = AdminAlert.objects.filter(fingerprint=f"billing.credit_request:{request.pk}")
    for alert_id in told.exclude(status=AdminAlert.Status.RESOLVED).values_list("pk", flat=True):
        alerts.resolve(alert_id=alert_id, by=by)
