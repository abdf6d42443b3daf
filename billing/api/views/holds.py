"""Routes about tokens that are set aside."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.serializers.wallets import CaptureSerializer, HoldSerializer, NewHoldSerializer
from billing.operations import holds as operations
from billing.queries import holds
from core.api.declarations import Example, documented
from core.api.idempotency import answer_once, idempotency_key, stored
from core.api.permissions import STAFF, may
from core.api.views import ApiView
from core.operations.idempotency import StoredAnswer

_SERVERS: Final = may(scopes=("billing:write",))


class HoldListView(ApiView):
    permission_classes = [_SERVERS]

    @documented(
        summary="Set tokens aside",
        body=NewHoldSerializer,
        answers={201: HoldSerializer},
        errors=[
            errors.InsufficientTokens,
            errors.WalletFrozen,
            errors.WalletNotFound,
            errors.IdempotencyMismatch,
        ],
        idempotent=True,
        examples=[
            Example(
                "ten tokens",
                body={"user": examples.ANNA, "tokens": 10, "description": "A brief, up to 10 pages"},
                answer=examples.HOLD,
                status=201,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """For work whose price is not known yet. A hold that is not captured in time gives its tokens back."""
        body = self.body()
        key = idempotency_key(request)

        def effect() -> StoredAnswer:
            placed = operations.place(**body, key=key, by=self.actor)
            return stored(status.HTTP_201_CREATED, HoldSerializer(placed.hold).data)

        return answer_once(request, effect, by=self.actor)


class HoldView(ApiView):
    permission_classes = [may(scopes=("billing:read", STAFF), permission="billing.view_hold")]

    @documented(
        summary="One hold",
        answers={200: HoldSerializer},
        errors=[errors.HoldNotFound],
        examples=[Example("open", answer=examples.HOLD)],
    )
    def get(self, request: Request, hold_id: UUID) -> Response:
        """What is set aside, and what became of it."""
        return Response(HoldSerializer(holds.get_hold(hold_id)).data)


class HoldCaptureView(ApiView):
    permission_classes = [_SERVERS]

    @documented(
        summary="Take held tokens",
        body=CaptureSerializer,
        answers={200: HoldSerializer},
        errors=[errors.HoldNotFound, errors.HoldClosed, errors.CaptureExceedsHold],
        idempotent=True,
        examples=[
            Example(
                "seven of ten",
                body={"tokens": 7},
                answer={
                    **examples.HOLD,
                    "captured_tokens": 7,
                    "state": "captured",
                    "closed_at": "2026-01-31T12:10:00Z",
                },
            )
        ],
    )
    def post(self, request: Request, hold_id: UUID) -> HttpResponse:
        """All of them or a part; the rest is released. Once: a hold is captured or released, never both."""
        body = self.body()

        def effect() -> StoredAnswer:
            captured = operations.capture(hold_id=hold_id, **body, by=self.actor)
            return stored(status.HTTP_200_OK, HoldSerializer(captured.hold).data)

        return answer_once(request, effect, by=self.actor)


class HoldReleaseView(ApiView):
    permission_classes = [_SERVERS]

    @documented(
        summary="Give held tokens back",
        answers={200: HoldSerializer},
        errors=[errors.HoldNotFound, errors.HoldClosed],
        idempotent=True,
        examples=[
            Example(
                "released",
                answer={**examples.HOLD, "state": "released", "closed_at": "2026-01-31T12:10:00Z"},
            )
        ],
    )
    def post(self, request: Request, hold_id: UUID) -> HttpResponse:
        """Tokens that had expired and lived by the hold alone expire now. Releasing a released hold changes nothing."""

        def effect() -> StoredAnswer:
            released = operations.release(hold_id=hold_id, by=self.actor)
            return stored(status.HTTP_200_OK, HoldSerializer(released).data)

        return answer_once(request, effect, by=self.actor)
