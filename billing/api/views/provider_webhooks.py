"""Where payment providers knock. These routes stand at the root, and nobody is asked who they are."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from billing.api.throttles import count_unsigned_notice
from billing.operations import provider_notices
from core.actors import Actor
from core.api.declarations import documented
from core.api.parsers import read_bounded
from core.api.views import ApiView

# As whom what they tell is kept.
_YOOKASSA: Final = Actor(kind="system", id="provider:yookassa", label="YooKassa")
_STRIPE: Final = Actor(kind="system", id="provider:stripe", label="Stripe")


@extend_schema(exclude=True)
class YooKassaWebhookView(ApiView):
    authentication_classes = []
    permission_classes = [AllowAny]

    @documented(summary="A notification by YooKassa", body=Serializer, answers={200: None})
    def post(self, request: Request) -> Response:
        """
        YooKassa repeats for a day what is not answered with 200: so is everything that could be read, known or not.
        Nobody signs it, so that all of it is asked for again.
        """
        count_unsigned_notice()
        provider_notices.take(provider="yookassa", body=read_bounded(request._request), by=_YOOKASSA)
        return Response({"ok": True})


@extend_schema(exclude=True)
class StripeWebhookView(ApiView):
    authentication_classes = []
    permission_classes = [AllowAny]

    @documented(summary="An event of Stripe", body=Serializer, answers={200: None})
    def post(self, request: Request) -> Response:
        """The signature is over the bytes as they came."""
        signature = request.headers.get("Stripe-Signature", "")
        provider_notices.take(provider="stripe", body=read_bounded(request._request), signature=signature, by=_STRIPE)
        return Response({"ok": True})
