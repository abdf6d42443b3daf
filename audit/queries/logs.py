"""Questions to the audit log and the alerts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import QuerySet
from django.db.models.fields.json import KT

from audit.models import AdminAlert, AuditLog, Delivery


def list_logs(
    *,
    entity_type: str = "",
    entity_id: str = "",
    user_id: UUID | None = None,
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditLog]:
    """
    The audit log, newest first, narrowed by what is given.

    :param user_id: the person behind the act
    :param since: this moment and later
    :param until: before this moment
    """
    logs = AuditLog.objects.order_by("-id")
    if entity_type:
        logs = logs.filter(entity_type=entity_type)
    if entity_id:
        logs = logs.filter(entity_id=entity_id)
    if user_id:
        logs = logs.filter(user_id=user_id)
    if action:
        logs = logs.filter(action=action)
    if since:
        logs = logs.filter(created_at__gte=since)
    if until:
        logs = logs.filter(created_at__lt=until)
    return logs


def list_history(entity: models.Model | tuple[str, str]) -> QuerySet[AuditLog]:
    """
    What happened to one thing, newest first.

    :param entity: an object, or its type and id as text
    """
    if isinstance(entity, models.Model):
        entity = (entity._meta.label_lower, str(entity.pk))
    return list_logs(entity_type=entity[0], entity_id=entity[1])


def list_logs_of_request(request_id: str) -> QuerySet[AuditLog]:
    """What one request did, in the order in which it did it."""
    return AuditLog.objects.alias(request=KT("metadata__request_id")).filter(request=request_id).order_by("id")


def list_open_alerts() -> QuerySet[AdminAlert]:
    """Trouble that nobody looks after yet, the latest first."""
    return AdminAlert.objects.filter(status=AdminAlert.Status.OPEN).order_by("-last_seen_at", "-id")


def list_alerts(*, status: str = "") -> QuerySet[AdminAlert]:
    """
    Trouble, the latest first.

    :param status: ``open``, ``acknowledged`` or ``resolved``; all by default
    """
    alerts = AdminAlert.objects.order_by("-last_seen_at", "-id")
    return alerts.filter(status=status) if status else alerts


def list_deliveries(alert_id: int) -> QuerySet[Delivery]:
    """The messages about an alert, the latest first."""
    return Delivery.objects.filter(alert_id=alert_id).order_by("-id")
