"""
What is on its way out of the house: planned here, carried by :mod:`audit.courier`.

A message that cannot be delivered is given up after some tries, and only logged: an alert about it would take the same
way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils.translation import gettext as _

from audit import channels
from audit.models import AdminAlert, Delivery
from audit.queries import seals
from audit.sealing import sealed_tables
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.jobs import enqueue

logger = logging.getLogger(__name__)

# At most so many messages a minute; the gravest first. The others follow a minute later.
PER_MINUTE: Final = 20
MOST_ATTEMPTS: Final = 8
PURGE_BATCH: Final = 1000
KEPT: Final = timedelta(days=90)
_LONGEST_BODY: Final = 3000

# Open alerts with something to tell: they were met since they were last told of, and nothing was told of the same
# trouble within the last minute. What nobody has met for a day is no news.
_NEWS: Final = """
    SELECT * FROM (
        SELECT DISTINCT ON (a.fingerprint) a.* FROM audit_adminalert a
        WHERE a.status = 'open' AND a.last_seen_at > core_now() - interval '1 day'
            AND NOT EXISTS (
                SELECT FROM audit_delivery d WHERE d.alert_id = a.id AND d.alert_count >= a.count)
            AND NOT EXISTS (
                SELECT FROM audit_delivery d
                WHERE d.fingerprint = a.fingerprint AND d.created_at > core_now() - interval '1 minute')
        ORDER BY a.fingerprint, a.last_seen_at DESC, a.id DESC) AS news
    ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, last_seen_at DESC
    LIMIT %s::int
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    :param is_too_early: the other side wants to be left alone for now
    """

    delivery: Delivery
    is_too_early: bool = False


@operation
def plan_alerts(*, by: Actor) -> list[Delivery]:
    """Put news of open alerts on their way, at most once a minute for each fingerprint; two at once take turns."""
    ways = channels.configured(Delivery.Kind.ALERT)
    if not ways:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('audit_delivery', 0))")
    return [
        _put_on_its_way(
            Delivery(
                kind=Delivery.Kind.ALERT,
                channel=way,
                fingerprint=alert.fingerprint,
                alert_id=alert.pk,
                alert_count=alert.count,
                subject=f"[{alert.get_severity_display()}] {_(alert.title)}",
                body=_told(alert),
            )
        )
        for alert in AdminAlert.objects.raw(_NEWS, [PER_MINUTE])
        for way in ways
    ]


@operation
def plan_heads(*, by: Actor) -> list[Delivery]:
    """Put the head of each chain on its way to where it is kept outside of the database."""
    heads = [head for table in sealed_tables() if (head := seals.find_last_seal(table.chain))]
    if not heads:
        return []
    return [
        _put_on_its_way(
            Delivery(
                kind=Delivery.Kind.HEAD,
                channel=way,
                subject=_("Heads of the audit chains"),
                body="\n".join(seals.head_as_text(head) for head in heads),
            )
        )
        for way in channels.configured(Delivery.Kind.HEAD)
    ]


@operation
def begin(*, delivery_id: int, by: Actor) -> Attempt | None:
    """Count an attempt, unless the other side wants to be left alone. None: there is nothing to deliver any more."""
    delivery = Delivery.objects.select_for_update().filter(pk=delivery_id).first()
    if delivery is None or delivery.state != Delivery.State.PENDING:
        return None
    if delivery.not_before and clock.now() < delivery.not_before:
        return Attempt(delivery, is_too_early=True)
    delivery.attempts += 1
    delivery.save(update_fields=["attempts"])
    return Attempt(delivery)


@operation
def note_failure(*, delivery_id: int, error: str, is_final: bool, retry_after: int, by: Actor) -> Delivery:
    """
    Note why an attempt failed; the last one, or one that shows that others would be in vain, ends the delivery.

    :param retry_after: seconds for which the other side wants to be left alone
    """
    delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
    delivery.error = error
    delivery.not_before = clock.now() + timedelta(seconds=retry_after) if retry_after else None
    if is_final or delivery.attempts >= MOST_ATTEMPTS:
        delivery.state = Delivery.State.FAILED
        delivery.finished_at = clock.now()
        logger.error("A message to %s was given up: %s", delivery.channel, error)
    delivery.save(update_fields=["error", "not_before", "state", "finished_at"])
    return delivery


@operation
def finish(*, delivery_id: int, by: Actor) -> None:
    """Note that a message got through."""
    Delivery.objects.filter(pk=delivery_id, state=Delivery.State.PENDING).update(
        state=Delivery.State.SENT, finished_at=CoreNow(), error="", not_before=None
    )


@operation
def purge_old(*, by: Actor) -> int:
    """Forget what is older than 90 days, at most :data:`PURGE_BATCH`. :returns: how many"""
    old = Delivery.objects.filter(created_at__lt=clock.now() - KEPT).order_by("created_at").values("pk")[:PURGE_BATCH]
    many, _by_model = Delivery.objects.filter(pk__in=old).delete()
    return many


def _put_on_its_way(delivery: Delivery) -> Delivery:
    delivery.save(force_insert=True)
    enqueue("audit.deliver", key=str(delivery.pk), delivery_id=delivery.pk)
    return delivery


def _told(alert: AdminAlert) -> str:
    lines = [
        _(alert.body)[:_LONGEST_BODY] if alert.body else "",
        *(f"{name.replace('_', ' ')}: {str(value)[:200]}" for name, value in alert.context.items()),
        _("Times: %(count)d. Alert %(id)d, %(fingerprint)s.")
        % {"count": alert.count, "id": alert.pk, "fingerprint": alert.fingerprint},
    ]
    return "\n".join(line for line in lines if line)
