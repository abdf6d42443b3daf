"""What providers' books and ours do not agree on."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.models import PaymentEvent, StatementLine


def list_open_lines() -> QuerySet[StatementLine]:
    """Differences about which nobody has decided, newest first."""
    return StatementLine.objects.filter(state=StatementLine.State.OPEN).order_by("-id")


def find_heard(line: StatementLine) -> PaymentEvent | None:
    """What we know of a difference's movement: the first event that told of it."""
    events = PaymentEvent.objects.select_related("invoice").filter(
        provider=line.provider, provider_payment_id=line.provider_payment_id, direction=line.direction
    )
    if line.direction == PaymentEvent.Direction.OUT:
        events = events.filter(kind=PaymentEvent.Kind.REFUNDED, reference=line.reference)
    else:
        events = events.filter(kind=PaymentEvent.Kind.SUCCEEDED)
    return events.order_by("occurred_at", "pk").first()
