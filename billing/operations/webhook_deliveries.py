"""
Announcements on their way: the intent of each attempt is committed before the call, and how it ended after it
(:mod:`billing.courier` makes the call in between).

Two workers never send one delivery at once: whoever begins takes a lease, and the next attempt is not due before the
lease has run out. An answer that comes after that is nobody's any more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db.models import F
from django.utils.translation import gettext_noop

from accounts.keyring import is_sealed_by_present_key, sealer
from audit.operations import alerts, records
from billing import errors
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.operations.announcements import TRIED_FOR, wake
from billing.operations.webhook_endpoints import PURPOSE
from billing.rules.announcements import message
from core import clock
from core.actors import Actor
from core.database import operation
from core.errors import ReasonMissing
from core.rules import backoff

# Longer than any call takes: whoever holds it after that has died.
LEASE: Final = timedelta(seconds=120)
FIRST_PAUSE: Final = 20.0
# What nobody was woken for is looked for after so long.
OVERDUE: Final = timedelta(seconds=60)
_BATCH: Final = 500
# So many are put on their way in one transaction; whoever has more asks again.
MOST_AT_ONCE: Final = 200
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    What is to be sent.

    :param lease: shows, afterwards, that the attempt is still one's own
    :param secrets: that sign now, the newest first
    :param at: the moment of the attempt
    """

    delivery_id: UUID
    lease: UUID
    announcement_id: UUID
    url: str
    body: bytes
    secrets: Sequence[bytes]
    at: datetime


@operation
def begin(*, delivery_id: UUID, by: Actor) -> Attempt | None:
    """
    Take a delivery for one attempt, which counts from now on. None: it is not due, somebody else is at it, or its
    endpoint hears of nothing any more, which ends it.
    """
    moment = clock.now()
    taken = WebhookDelivery.objects.filter(
        pk=delivery_id, state=WebhookDelivery.State.PENDING, next_attempt_at__lte=moment
    ).update(attempts=F("attempts") + 1, lease=uuid4(), next_attempt_at=moment + LEASE)
    if not taken:
        return None
    delivery = WebhookDelivery.objects.select_related("announcement", "endpoint").get(pk=delivery_id)
    endpoint, announcement = delivery.endpoint, delivery.announcement
    if not endpoint.is_active:
        _end(delivery, WebhookDelivery.State.DEAD, status=None, error="The endpoint is switched off")
        return None
    assert delivery.lease is not None  # noqa: S101  for the type checker: it was just given
    return Attempt(
        delivery_id=delivery.pk,
        lease=delivery.lease,
        announcement_id=announcement.pk,
        url=endpoint.url,
        body=message(
            type=announcement.type,
            created_at=announcement.created_at,
            wallet=announcement.wallet_id,
            facts=announcement.payload,
        ),
        secrets=_secrets(endpoint, moment),
        at=moment,
    )


@operation
def note(*, attempt: Attempt, status: int | None, error: str, by: Actor) -> WebhookDelivery | None:
    """
    Write down how an attempt ended: the receiver took the message, it is tried again later, or given up when three days
    have passed. A receiver that answers 410 is told of nothing any more. None: the lease has run out meanwhile.

    :param error: empty where the message was taken
    """
    delivery = (
        WebhookDelivery.objects.select_for_update(no_key=True)
        .filter(pk=attempt.delivery_id, state=WebhookDelivery.State.PENDING, lease=attempt.lease)
        .first()
    )
    if delivery is None:
        return None
    moment = clock.now()
    if not error:
        _end(delivery, WebhookDelivery.State.DELIVERED, status=status, error="")
    elif status == _GONE:
        _switch_off(delivery.endpoint, by=by)
        _give_up(delivery, status, error)
    elif moment >= delivery.gives_up_at:
        _give_up(delivery, status, error)
    else:
        chance = random.random()  # noqa: S311  jitter needs no secrecy
        pause = backoff.pause(attempt=delivery.attempts, first=FIRST_PAUSE, chance=chance)
        delivery.next_attempt_at = moment + timedelta(seconds=pause)
        delivery.lease, delivery.last_status, delivery.last_error = None, status, error
        delivery.save(update_fields=["next_attempt_at", "lease", "last_status", "last_error"])
        wake(delivery)
    return delivery


@operation
def replay(*, delivery_id: UUID, by: Actor) -> WebhookDelivery:
    """
    Put a delivery on its way again, with the id that it always had. One that is on its way is left alone.

    :raises errors.WebhookDeliveryNotFound: there is no such delivery
    :raises errors.WebhookEndpointInactive: its endpoint is switched off or removed
    """
    delivery = WebhookDelivery.objects.select_for_update(no_key=True).filter(pk=delivery_id).first()
    if delivery is None:
        raise errors.WebhookDeliveryNotFound(str(delivery_id))
    if not delivery.endpoint.is_active:
        raise errors.WebhookEndpointInactive()
    if delivery.state == WebhookDelivery.State.PENDING:
        return delivery
    _set_going(delivery)
    records.record("billing.webhook_delivery.replayed", entity=delivery, by=by, url=delivery.endpoint.url)
    return delivery


@operation
def replay_given_up(*, endpoint_id: UUID, reason: str, by: Actor, limit: int = MOST_AT_ONCE) -> int:
    """
    Put the deliveries to an endpoint that were given up on their way again, the oldest first, each with the id that it
    always had.

    :param reason: why; kept in the audit log
    :param limit: at most so many in one call
    :returns: how many: call again until there are none
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.WebhookEndpointNotFound: there is no such endpoint
    :raises errors.WebhookEndpointInactive: it is switched off or removed
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    # Whoever asks at the same time waits here, and then finds on their way what was given up.
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise errors.WebhookEndpointNotFound(str(endpoint_id))
    if not endpoint.is_active:
        raise errors.WebhookEndpointInactive()
    given_up = WebhookDelivery.objects.select_for_update(no_key=True).filter(
        endpoint=endpoint, state=WebhookDelivery.State.DEAD
    )
    found = list(given_up.order_by("pk")[:limit])
    for delivery in found:
        _set_going(delivery)
    if found:
        records.record(
            "billing.webhook_endpoint.replayed",
            entity=endpoint,
            by=by,
            reason=reason,
            url=endpoint.url,
            deliveries=len(found),
        )
    return len(found)


@operation
def sweep(*, by: Actor) -> int:
    """
    Wake workers for deliveries that are overdue: their job was lost, or its worker died in the middle of an attempt.

    :returns: how many
    """
    overdue = WebhookDelivery.objects.filter(
        state=WebhookDelivery.State.PENDING, next_attempt_at__lte=clock.now() - OVERDUE
    ).order_by("next_attempt_at")[:_BATCH]
    found = list(overdue)
    for delivery in found:
        wake(delivery)
    return len(found)


def _set_going(delivery: WebhookDelivery) -> None:
    moment = clock.now()
    delivery.state = WebhookDelivery.State.PENDING
    delivery.next_attempt_at, delivery.gives_up_at, delivery.delivered_at = moment, moment + TRIED_FOR, None
    delivery.save(update_fields=["state", "next_attempt_at", "gives_up_at", "delivered_at"])
    wake(delivery)


def _end(delivery: WebhookDelivery, state: WebhookDelivery.State, *, status: int | None, error: str) -> None:
    delivery.state, delivery.last_status, delivery.last_error = state, status, error
    delivery.lease = delivery.next_attempt_at = None
    if state == WebhookDelivery.State.DELIVERED:
        delivery.delivered_at = clock.now()
    delivery.save(
        update_fields=["state", "last_status", "last_error", "lease", "next_attempt_at", "delivered_at"],
    )


def _give_up(delivery: WebhookDelivery, status: int | None, error: str) -> None:
    _end(delivery, WebhookDelivery.State.DEAD, status=status, error=error)
    alerts.raise_alert(
        f"billing.webhook_dead:{delivery.endpoint_id}",
        severity="warning",
        title=gettext_noop("A webhook could not be delivered"),
        body=f"{delivery.endpoint.url}: {error}",
        delivery=str(delivery.pk),
        endpoint=str(delivery.endpoint_id),
    )


def _switch_off(endpoint: WebhookEndpoint, *, by: Actor) -> None:
    if WebhookEndpoint.objects.filter(pk=endpoint.pk, is_active=True).update(is_active=False):
        records.record("billing.webhook_endpoint.gone", entity=endpoint, by=by, url=endpoint.url)


def _secrets(endpoint: WebhookEndpoint, moment: datetime) -> list[bytes]:
    """What signs now; sealed anew where SECRET_KEY has changed since."""
    sealed = bytes(endpoint.secret)
    found = [sealer(PURPOSE).decrypt(sealed)]
    if not is_sealed_by_present_key(sealed, PURPOSE):
        WebhookEndpoint.objects.filter(pk=endpoint.pk, secret=sealed).update(secret=sealer(PURPOSE).encrypt(found[0]))
    ends_at = endpoint.previous_secret_ends_at
    if endpoint.previous_secret is not None and ends_at is not None and ends_at > moment:
        found.append(sealer(PURPOSE).decrypt(bytes(endpoint.previous_secret)))
    return found
