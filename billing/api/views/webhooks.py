"""Routes about what other systems are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import webhook_examples as examples
from billing.api.examples import page
from billing.api.serializers.webhooks import (
    NewWebhookEndpointSerializer,
    RotationSerializer,
    SecretiveEndpointSerializer,
    WebhookDeliveryParams,
    WebhookDeliverySerializer,
    WebhookEndpointChangeSerializer,
    WebhookEndpointSerializer,
)
from billing.operations import webhook_deliveries, webhook_endpoints
from billing.queries import webhooks
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import STAFF, LatelyVerified, by_method, may
from core.api.serializers import ListParams
from core.api.views import ApiView
from core.errors import StepUpRequired

_NEWEST_FIRST: Final = Keyset("-id")
_SCOPES: Final = ("webhooks:write", STAFF)
_READ: Final = may(scopes=_SCOPES, permission="billing.view_webhookendpoint")
_ADD: Final = may(scopes=_SCOPES, permission="billing.add_webhookendpoint")
_CHANGE: Final = may(scopes=_SCOPES, permission="billing.change_webhookendpoint")


class WebhookEndpointListView(ApiView):
    permission_classes = [by_method(GET=_READ, POST=_ADD), LatelyVerified]

    @documented(
        summary="List webhook endpoints, newest first",
        operation_id="webhook_endpoints_list",
        query=ListParams,
        answers={200: paged(WebhookEndpointSerializer)},
        examples=[Example("a page", answer=page(examples.ENDPOINT))],
    )
    def get(self, request: Request) -> Response:
        """Without their secrets, which are shown once."""
        return self.page(webhooks.list_endpoints(), _NEWEST_FIRST, WebhookEndpointSerializer)

    @documented(
        summary="Make a webhook endpoint",
        body=NewWebhookEndpointSerializer,
        answers={201: SecretiveEndpointSerializer},
        errors=[StepUpRequired],
        examples=[Example("a shop's server", body=examples.NEW, answer=examples.SECRETIVE, status=201)],
    )
    def post(self, request: Request) -> Response:
        """
        It is told of what happens from now on. Messages are signed to the Standard Webhooks specification; the secret
        is in this answer and nowhere else. Where the address leads is looked at when a message is sent: one that leads
        to a private network gets none.
        """
        made = webhook_endpoints.create(**self.body(), by=self.actor)
        return Response(SecretiveEndpointSerializer(made).data, status=status.HTTP_201_CREATED)


class WebhookEndpointView(ApiView):
    permission_classes = [by_method(GET=_READ, PATCH=_CHANGE, DELETE=_CHANGE), LatelyVerified]

    @documented(
        summary="One webhook endpoint",
        answers={200: WebhookEndpointSerializer},
        errors=[errors.WebhookEndpointNotFound],
        examples=[Example("a shop's server", answer=examples.ENDPOINT)],
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """Without its secret."""
        return Response(WebhookEndpointSerializer(webhooks.get_endpoint(endpoint_id)).data)

    @documented(
        summary="Change a webhook endpoint",
        body=WebhookEndpointChangeSerializer,
        answers={200: WebhookEndpointSerializer},
        errors=[errors.WebhookEndpointNotFound, StepUpRequired],
        examples=[
            Example("switch it off", body={"is_active": False}, answer={**examples.ENDPOINT, "is_active": False})
        ],
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """What is on its way goes to the address as it is then; to one that is switched off nothing goes."""
        changed = webhook_endpoints.change(endpoint_id=endpoint_id, **self.body(), by=self.actor)
        return Response(WebhookEndpointSerializer(changed).data)

    @documented(
        summary="Remove a webhook endpoint",
        answers={204: None},
        errors=[errors.WebhookEndpointNotFound, StepUpRequired],
    )
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """It is told of nothing any more. Its deliveries stay in the list."""
        webhook_endpoints.remove(endpoint_id=endpoint_id, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookSecretView(ApiView):
    permission_classes = [_CHANGE, LatelyVerified]

    @documented(
        summary="Give a webhook endpoint a new secret",
        body=RotationSerializer,
        answers={200: SecretiveEndpointSerializer},
        errors=[errors.WebhookEndpointNotFound, StepUpRequired],
        examples=[
            Example(
                "with a day to change over",
                body={"overlap_hours": 24},
                answer={
                    **examples.SECRETIVE,
                    "endpoint": {**examples.ENDPOINT, "previous_secret_ends_at": "2026-02-01T12:00:00Z"},
                },
            )
        ],
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """
        The new secret is in this answer and nowhere else. Until the overlap ends, messages carry two signatures, and a
        receiver may verify either.
        """
        overlap = timedelta(hours=self.body()["overlap_hours"])
        made = webhook_endpoints.rotate_secret(endpoint_id=endpoint_id, overlap=overlap, by=self.actor)
        return Response(SecretiveEndpointSerializer(made).data)


class WebhookDeliveryListView(ApiView):
    permission_classes = [may(scopes=_SCOPES, permission="billing.view_webhookdelivery")]

    @documented(
        summary="List webhook deliveries, newest first",
        operation_id="webhook_deliveries_list",
        query=WebhookDeliveryParams,
        answers={200: paged(WebhookDeliverySerializer)},
        examples=[Example("a page", answer=page(examples.DELIVERY))],
    )
    def get(self, request: Request) -> Response:
        """All, or those to one endpoint or in one state."""
        query = self.query()
        rows = webhooks.list_deliveries(endpoint_id=query.get("endpoint"), state=query.get("state"))
        return self.page(rows, _NEWEST_FIRST, WebhookDeliverySerializer)


class WebhookReplayView(ApiView):
    permission_classes = [may(scopes=_SCOPES, permission="billing.change_webhookdelivery")]

    @documented(
        summary="Send a webhook again",
        answers={200: WebhookDeliverySerializer},
        errors=[errors.WebhookDeliveryNotFound, errors.WebhookEndpointInactive],
        examples=[
            Example(
                "on its way again",
                answer={
                    **examples.DELIVERY,
                    "state": "pending",
                    "delivered_at": None,
                    "next_attempt_at": "2026-01-31T13:00:00Z",
                },
            )
        ],
    )
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """With the same message id, so that a receiver that has it knows it again. What is on its way is left alone."""
        return Response(
            WebhookDeliverySerializer(webhook_deliveries.replay(delivery_id=delivery_id, by=self.actor)).data
        )
