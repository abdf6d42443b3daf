"""Alerts: trouble that an operator should hear of, once per trouble."""

from __future__ import annotations

import json
from typing import Literal

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Coalesce

from audit import errors
from audit.models import AdminAlert
from audit.operations import records
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation

Severity = Literal["info", "warning", "critical"]


@operation
def raise_alert(fingerprint: str, *, severity: Severity, title: str, body: str = "", **context: object) -> AdminAlert:
    """
    Tell the operators of trouble. The same trouble within 15 minutes of when it was last seen is counted, not told
    anew, unless it was resolved meanwhile.

    It is one statement, exact when many raise one alert at once: the SQL function ``audit_raise_alert`` takes an
    advisory lock on the fingerprint. The lock lasts until the caller's transaction ends.

    :param fingerprint: what makes two alerts the same trouble: ``billing.payment_mismatch:manual:abc``
    :param severity: the gravest of all occurrences is kept
    :param title: one line, an English message id; shown translated
    :param body: more of it
    :param context: ids of what it is about, of the first occurrence
    """
    return AdminAlert.objects.raw(
        "SELECT * FROM audit_raise_alert(%s::text, %s::text, %s::text, %s::text, %s::jsonb)",
        [fingerprint, severity, title, body, json.dumps(context, cls=DjangoJSONEncoder)],
    )[0]


@operation
def acknowledge(*, alert_id: int, by: Actor) -> AdminAlert:
    """
    Say that somebody looks after the trouble. Whoever says it first is named; saying it again changes nothing.

    :raises errors.AlertNotFound: there is no such alert
    :raises errors.AlertResolved: the trouble is over
    """
    taken = AdminAlert.objects.filter(pk=alert_id, status=AdminAlert.Status.OPEN).update(
        status=AdminAlert.Status.ACKNOWLEDGED, acknowledged_by=by.label, acknowledged_at=CoreNow()
    )
    alert = _alert(alert_id)
    if taken:
        records.record("audit.alert.acknowledged", entity=alert, by=by)
    elif alert.status == AdminAlert.Status.RESOLVED:
        raise errors.AlertResolved
    return alert


@operation
def resolve(*, alert_id: int, by: Actor, reason: str = "") -> AdminAlert:
    """
    Say that the trouble is over. If it comes back, it is a new alert. Saying it again changes nothing.

    :raises errors.AlertNotFound: there is no such alert
    """
    ended = (
        AdminAlert.objects.filter(pk=alert_id)
        .exclude(status=AdminAlert.Status.RESOLVED)
        .update(
            status=AdminAlert.Status.RESOLVED,
            acknowledged_by=Coalesce(
                Func(F("acknowledged_by"), Value(""), function="NULLIF", output_field=TextField()), Value(by.label)
            ),
            acknowledged_at=Coalesce(F("acknowledged_at"), CoreNow()),
        )
    )
    alert = _alert(alert_id)
    if ended:
        records.record("audit.alert.resolved", entity=alert, by=by, reason=reason)
    return alert


def _alert(alert_id: int) -> AdminAlert:
    alert = AdminAlert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise errors.AlertNotFound
    return alert
