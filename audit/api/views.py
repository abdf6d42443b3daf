"""Routes about what happened."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from audit import queries
from audit.api.serializers import AuditLogParams, AuditLogSerializer
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import has_scope
from core.api.views import ApiView

_BY_ID: Final = Keyset("-id")
_BY_MOMENT: Final = Keyset("-created_at", "-id")


class AuditLogListView(ApiView):
    permission_classes = [has_scope("audit:read", "staff")]

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
