"""Questions about what other systems are told."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from billing import errors
from billing.models import WebhookDelivery, WebhookEndpoint


def list_endpoints() -> QuerySet[WebhookEndpoint]:
    """Endpoints that were not removed, newest first."""
    return WebhookEndpoint.objects.filter(removed_at=None).order_by("-id")


def get_endpoint(endpoint_id: UUID) -> WebhookEndpoint:
    """:raises errors.WebhookEndpointNotFound: there is no such endpoint"""
    found = list_endpoints().filter(pk=endpoint_id).first()
    if found is None:
        raise errors.WebhookEndpointNotFound(str(endpoint_id))
    return found


def list_deliveries(*, endpoint_id: UUID | None = None, state: str | None = None) -> QuerySet[WebhookDelivery]:
    """
    Announcements on their way to endpoints, newest first.

    :param endpoint_id: only to this one
    :param state: only such
    """
    rows = WebhookDelivery.objects.select_related("announcement").order_by("-id")
    if endpoint_id is not None:
        rows = rows.filter(endpoint=endpoint_id)
    return rows if state is None else rows.filter(state=state)
