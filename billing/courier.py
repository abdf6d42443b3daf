"""
Carries announcements out: the attempt is committed, then the call is made outside of any transaction, then how it ended
is committed. An answer that got lost leads to a second message with the same id, never to none.
"""

from __future__ import annotations

from uuid import UUID

from billing.gateways import webhooks
from billing.operations import webhook_deliveries
from billing.rules.announcements import signatures
from core.actors import Actor


def carry(delivery_id: UUID, *, by: Actor) -> None:
    """Try to deliver once, if it is due. What fails is tried again by a job of its own."""
    attempt = webhook_deliveries.begin(delivery_id=delivery_id, by=by)
    if attempt is None:
        return
    message_id, timestamp = str(attempt.announcement_id), int(attempt.at.timestamp())
    answer = webhooks.send(
        attempt.url,
        body=attempt.body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": "Dvorik-Webhooks/1",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(
                message_id=message_id, timestamp=timestamp, body=attempt.body, secrets=attempt.secrets
            ),
        },
    )
    webhook_deliveries.note(attempt=attempt, status=answer.status, error=answer.error, by=by)
