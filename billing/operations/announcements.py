"""Telling other systems what has happened: a row in the transaction in which it happens, never the network."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from billing.models import Announcement, WebhookDelivery, WebhookEndpoint
from billing.rules.announcements import TYPES, plain
from core import clock
from core.database import operation
from core.jobs import enqueue

DELIVER: Final = "billing.deliver_webhook"
# A receiver that is away for so long misses nothing.
TRIED_FOR: Final = timedelta(days=3)


@operation
def announce(type: str, *, wallet_id: UUID | None, once: str | None = None, **facts: object) -> Announcement | None:
    """
    Write down that something has happened, and put it on its way to every endpoint that is told of such things. It
    joins the caller's transaction: both last or neither does.

    :param type: one of :data:`billing.rules.announcements.TYPES`
    :param once: what is announced once only, however often it is noticed; ``billing_announcement_is_made_once`` sees
        to it, and the second time nothing is written
    :param facts: ids, moments and plain values; receivers are told so much and no more
    :returns: the announcement; None where it was made before. An unknown type (``ValueError``) and a fact that is not
        plain (``TypeError``) are defects of the caller
    """
    if type not in TYPES:
        raise ValueError(f"{type!r} is not announced")
    made = Announcement(type=type, wallet_id=wallet_id, payload=plain(facts), once=once, created_at=clock.now())
    if once is None:
        made.save(force_insert=True)
    else:
        # INSERT … ON CONFLICT DO NOTHING: it waits for a racing twin, and then finds it.
        Announcement.objects.bulk_create([made], ignore_conflicts=True)
        if not Announcement.objects.filter(pk=made.pk).exists():
            return None
    told = WebhookEndpoint.objects.filter(is_active=True, events__contains=[type]).values_list("pk", flat=True)
    deliveries = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            announcement=made,
            endpoint_id=endpoint_id,
            next_attempt_at=made.created_at,
            gives_up_at=made.created_at + TRIED_FOR,
        )
        for endpoint_id in told
    )
    for delivery in deliveries:
        wake(delivery)
    return made


def wake(delivery: WebhookDelivery) -> None:
    """
    Have a worker look at a delivery when its next attempt is due. Each attempt moves that moment, so that there is one
    job for each.
    """
    due = delivery.next_attempt_at
    enqueue(DELIVER, key=f"{delivery.pk}@{due:%Y%m%dT%H%M%S.%f}", run_at=due, delivery_id=delivery.pk)
