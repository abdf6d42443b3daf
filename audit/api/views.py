"""Routes about what happened."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from audit import queries
from audit.api.serializers import AlertParams, AlertSerializer, AuditLogParams, AuditLogSerializer
from audit.errors import AlertNotFound, AlertResolved
from audit.operations import alerts
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import STAFF, may
from core.api.views import ApiView

_BY_ID: Final = Keyset("-id")
_BY_MOMENT: Final = Keyset("-created_at", "-id")
_BY_LAST_SEEN: Final = Keyset("-last_seen_at", "-id")

_ALERT: Final = {
    "id": "7",
    "fingerprint": "billing.payment_mismatch:manual:receipt-1",
    "severity": "critical",
    "title": "A payment does not match its invoice.",
    "body": "",
    "context": {"payment": "01980f2a-3b4c-7d5e-8f90-123456789abc"},
    "count": 1,
    "status": "open",
    "acknowledged_by": "",
    "acknowledged_at": None,
    "first_seen_at": "2026-01-31T12:00:00Z",
    "last_seen_at": "2026-01-31T12:00:00Z",
}
_ACKNOWLEDGED: Final = {
    **_ALERT,
    "status": "acknowledged",
    "acknowledged_by": "olga",
    "acknowledged_at": "2026-01-31T12:05:00Z",
}


class AuditLogListView(ApiView):
    permission_classes = [may(scopes=("audit:read", STAFF), permission="audit.view_auditlog")]

    @documented(
        summary="The audit log, newest first",
        operation_id="audit_logs_list",
        query=AuditLogParams,
        answers={200: paged(AuditLogSerializer)},
        examples=[
            Example(
                "an edited tariff",
                answer={
                    "results": [
                        {
                            "id": "42",
                            "user": "01980f2a-3b4c-7d5e-8f90-123456789abc",
                            "actor": {"kind": "user", "id": "01980f2a-3b4c-7d5e-8f90-123456789abc", "label": "olga"},
                            "action": "billing.tariff.updated",
                            "entity_type": "billing.tariff",
                            "entity_id": "7",
                            "old_value": {"price": 14900},
                            "new_value": {"price": 19900},
                            "metadata": {"door": "admin", "request_id": "01980f2a3b4c7d5e8f90123456789abc"},
                            "created_at": "2026-01-31T12:00:00Z",
                        }
                    ],
                    "next": None,
                    "previous": None,
                },
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """What changed and what was done: by whom, to what, through which door, and why."""
        query = self.query()
        rows = queries.list_logs(
            entity_type=query.get("entity_type", ""),
            entity_id=query.get("entity_id", ""),
            user_id=query.get("user"),
            action=query.get("action", ""),
            since=query.get("since"),
            until=query.get("until"),
        )
        # Ids grow with the moments; each order has the index that its filters need.
        by_moment = "since" in query or "until" in query
        return self.page(rows, _BY_MOMENT if by_moment else _BY_ID, AuditLogSerializer)


class AlertListView(ApiView):
    permission_classes = [may(scopes=(STAFF,), permission="audit.view_adminalert")]

    @documented(
        summary="List alerts, the latest first",
        operation_id="alerts_list",
        query=AlertParams,
        answers={200: paged(AlertSerializer)},
        examples=[Example("an open alert", answer={"results": [_ALERT], "next": None, "previous": None})],
    )
    def get(self, request: Request) -> Response:
        """Trouble that somebody should look after, once for each trouble however often it was met."""
        rows = queries.list_alerts(status=self.query().get("status", ""))
        return self.page(rows, _BY_LAST_SEEN, AlertSerializer)


class AlertAcknowledgeView(ApiView):
    permission_classes = [may(scopes=(STAFF,), permission="audit.change_adminalert")]

    @documented(
        summary="Say that somebody looks after an alert",
        answers={200: AlertSerializer},
        errors=[AlertNotFound, AlertResolved],
        examples=[Example("acknowledged", answer=_ACKNOWLEDGED)],
    )
    def post(self, request: Request, alert_id: int) -> Response:
        """Whoever says it first is named; saying it again changes nothing. It ends the messages about the alert."""
        alert = alerts.acknowledge(alert_id=alert_id, by=self.actor)
        return Response(AlertSerializer().to_representation(alert))
