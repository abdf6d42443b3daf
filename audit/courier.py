"""
Carries one message out: the attempt is committed, then the call is made outside of any transaction, then how it ended
is committed. An answer that got lost leads to a second message, never to none.
"""

from __future__ import annotations

from django.conf import settings

from audit import channels
from audit.gateways import head_file
from audit.gateways.undelivered import Undelivered
from audit.models import Delivery
from audit.operations import deliveries
from core.actors import Actor


def carry(delivery_id: int, *, by: Actor) -> None:
    """
    Try to deliver once.

    :raises Undelivered: it did not get through, and is worth another try
    """
    attempt = deliveries.begin(delivery_id=delivery_id, by=by)
    if attempt is None:
        return
    if attempt.is_too_early:
        raise Undelivered("The other side wants to be left alone")
    try:
        _send(attempt.delivery)
    except Undelivered as failure:
        noted = deliveries.note_failure(
            delivery_id=delivery_id,
            error=str(failure),
            is_final=failure.is_final,
            retry_after=failure.retry_after,
            by=by,
        )
        if noted.state == Delivery.State.PENDING:
            raise
        return
    deliveries.finish(delivery_id=delivery_id, by=by)


def _send(delivery: Delivery) -> None:
    match delivery.channel:
        case Delivery.Channel.TELEGRAM:
            channels.chat_for(delivery.kind).send(f"{delivery.subject}\n\n{delivery.body}".strip())
        case Delivery.Channel.EMAIL:
            channels.mailbox().send(delivery.subject, delivery.body)
        case _:
            head_file.append(settings.ANCHOR_FILE, delivery.body)
