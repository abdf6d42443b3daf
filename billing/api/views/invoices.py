"""Routes about invoices and their payments."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.permissions import PAY, WRITE, ReadOrChange
from billing.api.serializers.invoices import (
    InvoiceParams,
    InvoiceSerializer,
    NewInvoiceSerializer,
    NewPaymentSerializer,
    PaymentSerializer,
)
from billing.api.throttles import count_promo_code_try
from billing.api.views.promo_codes import OFFER_REFUSALS
from billing.operations import invoices as operations
from billing.operations import payments
from billing.queries import invoices
from core.api import problems
from core.api.declarations import Example, documented
from core.api.idempotency import REPLAYED, answer_once, idempotency_key, stored
from core.api.pagination import Keyset, paged
from core.api.views import ApiView
from core.operations.idempotency import StoredAnswer

_NEWEST_FIRST: Final = Keyset("-id")


class InvoiceListView(ReadOrChange):
    change_permission = WRITE

    @documented(
        summary="List invoices, newest first",
        operation_id="invoices_list",
        query=InvoiceParams,
        answers={200: paged(InvoiceSerializer)},
        examples=[Example("a page", answer=examples.page(examples.INVOICE))],
    )
    def get(self, request: Request) -> Response:
        """Everybody's, or one customer's; in any state, or in one."""
        query = self.query()
        rows = invoices.list_invoices(user_id=query.get("user"), status=query.get("status"))
        return self.page(rows, _NEWEST_FIRST, InvoiceSerializer)

    @documented(
        summary="Make an invoice",
        body=NewInvoiceSerializer,
        answers={201: InvoiceSerializer},
        errors=[*OFFER_REFUSALS, errors.CurrencyNotOffered, errors.IdempotencyMismatch],
        idempotent=True,
        examples=[
            Example(
                "with a promo code",
                body={"user": examples.ANNA, "tariff": "pack-50", "promo_code": "welcome33"},
                answer=examples.INVOICE,
                status=201,
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """
        Freezes what is sold and its price, and reserves a use of the promo code, which comes back when the invoice
        expires or is cancelled. Where the code leaves nothing to pay, the invoice is paid at once. Attempts with a
        promo code are limited per caller.
        """
        body = self.body()
        key = idempotency_key(request)
        if body.get("promo_code"):
            count_promo_code_try(self.actor)

        def effect() -> StoredAnswer:
            created = operations.create(**body, key=key, by=self.actor)
            return stored(status.HTTP_201_CREATED, InvoiceSerializer(created.invoice).data)

        return answer_once(request, effect, by=self.actor)


class InvoiceView(ReadOrChange):
    @documented(
        summary="One invoice",
        answers={200: InvoiceSerializer},
        errors=[errors.InvoiceNotFound],
        examples=[Example("to be paid", answer=examples.INVOICE)],
    )
    def get(self, request: Request, invoice_id: UUID) -> Response:
        """What was asked for, and what became of it."""
        return Response(InvoiceSerializer(invoices.get_invoice(invoice_id)).data)


class InvoiceCancellationView(ApiView):
    permission_classes = [WRITE]

    @documented(
        summary="Cancel an invoice",
        answers={200: InvoiceSerializer},
        errors=[errors.InvoiceNotFound, errors.InvoiceNotPending],
        examples=[Example("cancelled", answer={**examples.INVOICE, "status": "cancelled"})],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Gives a reserved use of a promo code back. Cancelling a cancelled invoice changes nothing."""
        return Response(InvoiceSerializer(operations.cancel(invoice_id=invoice_id, by=self.actor)).data)


class InvoicePaymentView(ApiView):
    permission_classes = [PAY]

    @documented(
        summary="Record a payment",
        body=NewPaymentSerializer,
        answers={201: PaymentSerializer},
        errors=[
            errors.InvoiceNotFound,
            errors.PaymentMismatch,
            errors.PaymentOfAnotherInvoice,
            errors.IdempotencyMismatch,
        ],
        idempotent=True,
        examples=[
            Example(
                "by hand",
                body={
                    "provider": "manual",
                    "provider_payment_id": "receipt-1042",
                    "amount": {"amount": 9983, "currency": "RUB"},
                },
                answer=examples.PAYMENT,
                status=201,
            )
        ],
    )
    def post(self, request: Request, invoice_id: UUID) -> HttpResponse:
        """
        Gives what was bought. The same provider's id again gives the first answer and moves nothing. Money is never
        dropped: another amount is refused and kept, a second payment of a paid invoice is kept as ``surplus``, and an
        operator is told. An expired invoice can still be paid.
        """
        recorded = payments.record_success(
            invoice_id=invoice_id, **self.body(), key=idempotency_key(request), by=self.actor
        )
        answer: HttpResponse
        try:
            recorded.raise_for_mismatch()
        except errors.PaymentMismatch as mismatch:
            # Kept all the same, so that this refusal, too, is an answer to give again.
            answer = problems.answer(mismatch, request._request)
        else:
            answer = Response(PaymentSerializer(recorded.payment).data, status=status.HTTP_201_CREATED)
        if recorded.replayed:
            answer[REPLAYED] = "true"
        return answer
