"""Routes about payments and refunds."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.serializers.payments import (
    AskedRefundSerializer,
    CalculationSerializer,
    ListedPaymentSerializer,
    NewRefundSerializer,
    PaymentParams,
    RefundSerializer,
    ToldPaymentSerializer,
)
from billing.models import Refund
from billing.operations import refunds
from billing.queries import payments
from billing.queries import refunds as calculations
from core.api.declarations import Example, documented
from core.api.idempotency import answer_once, idempotency_key, stored
from core.api.pagination import Keyset, paged
from core.api.permissions import STAFF, LatelyVerified, may
from core.api.views import ApiView
from core.errors import StepUpRequired
from core.operations.idempotency import StoredAnswer

_READ: Final = may(scopes=("billing:read", STAFF), permission="billing.view_payment")
_REFUSALS: Final = [
    errors.PaymentNotFound,
    errors.PaymentNotCaptured,
    errors.PaymentDisputed,
    errors.RefundPending,
    errors.RefundExceedsPayment,
    errors.RefundAmountNotYours,
    errors.NothingToRefund,
    errors.PartialRefundNotPossible,
    errors.RefundMadeElsewhere,
]


class PaymentListView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="List payments, newest first",
        operation_id="payments_list",
        query=PaymentParams,
        answers={200: paged(ListedPaymentSerializer)},
        examples=[Example("a page", answer=examples.page(examples.LISTED_PAYMENT))],
    )
    def get(self, request: Request) -> Response:
        """Everybody's, or one customer's; also those whose money has not come, and those that were kept aside."""
        query = self.query()
        rows = payments.list_payments(
            user_id=query.get("user"), company_id=query.get("company"), status=query.get("status")
        )
        return self.page(rows, Keyset("-id"), ListedPaymentSerializer)


class PaymentView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="One payment",
        answers={200: ToldPaymentSerializer},
        errors=[errors.PaymentNotFound],
        examples=[Example("with its events", answer=examples.TOLD_PAYMENT)],
    )
    def get(self, request: Request, payment_id: UUID) -> Response:
        """With everything that was said of it, from which its status follows."""
        payment = payments.get_payment(payment_id)
        told = ToldPaymentSerializer(payment, context={"events": payments.list_events(payment)})
        return Response(told.data)


class RefundListView(ApiView):
    permission_classes = [may(scopes=("payments:write",), permission="billing.issue_refund"), LatelyVerified]

    @documented(
        summary="Send money back",
        body=NewRefundSerializer,
        answers={201: RefundSerializer},
        errors=[*_REFUSALS, errors.IdempotencyMismatch, StepUpRequired],
        idempotent=True,
        examples=[
            Example(
                "what was not used",
                body={"policy": "unspent", "reason": "Did not like it"},
                answer=examples.REFUND,
                status=201,
            )
        ],
    )
    def post(self, request: Request, payment_id: UUID) -> HttpResponse:
        """
        Takes the tokens at once and sends the money through the payment's provider: ``pending`` until it has told that
        it is done, ``failed`` if it refuses, and then the tokens are given back. Colleagues are asked for their second
        factor.
        """
        body: dict[str, Any] = self.body()
        key = idempotency_key(request)

        def effect() -> StoredAnswer:
            issued = refunds.issue(
                payment_id=payment_id,
                policy=Refund.Policy(body["policy"]),
                amount=body.get("amount"),
                reason=body["reason"],
                key=key,
                by=self.actor,
            )
            return stored(status.HTTP_201_CREATED, RefundSerializer(issued.refund).data)

        return answer_once(request, effect, by=self.actor)


class RefundPreviewView(ApiView):
    permission_classes = [may(scopes=("payments:write", "billing:read"), permission="billing.view_payment")]

    @documented(
        summary="What a refund would do",
        body=AskedRefundSerializer,
        answers={200: CalculationSerializer},
        errors=_REFUSALS,
        examples=[
            Example("what was not used", body={"policy": "unspent"}, answer=examples.CALCULATION),
            Example(
                "everything, which had earned a reward", body={"policy": "full"}, answer=examples.CALCULATION_OF_ALL
            ),
        ],
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        """The calculation alone: nothing moves."""
        body: dict[str, Any] = self.body()
        found = calculations.preview(payment_id, policy=Refund.Policy(body["policy"]), amount=body.get("amount"))
        return Response(CalculationSerializer(found).data)
