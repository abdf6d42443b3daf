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
from billing.api.owners import EXACTLY_ONE_PAYER, owner_meant
from billing.api.serializers.invoices import (
    CheckoutSerializer,
    InvoiceParams,
    InvoiceSerializer,
    NewCheckoutSerializer,
    NewInvoiceSerializer,
    NewPaymentSerializer,
    PaymentSerializer,
)
from billing.api.throttles import count_promo_code_try
from billing.api.views.promo_codes import OFFER_REFUSALS
from billing.operations import checkouts, payments
from billing.operations import invoices as operations
from billing.queries import invoices
from core.api import problems
from core.api.declarations import Example, documented
from core.api.idempotency import REPLAYED, answer_once, idempotency_key, stored
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, STAFF, by_method, may
from core.api.views import ApiView
from core.operations.idempotency import StoredAnswer

_NEWEST_FIRST: Final = Keyset("-id")
_READ: Final = may(scopes=("billing:read", STAFF), permission="billing.view_invoice", own=OWN)
_ADD: Final = may(scopes=("billing:write",), permission="billing.add_invoice", own=OWN)


class InvoiceListView(ApiView):
    permission_classes = [by_method(GET=_READ, POST=_ADD)]

    @documented(
        summary="List invoices, newest first",
        operation_id="invoices_list",
        query=InvoiceParams,
        answers={200: paged(InvoiceSerializer)},
        examples=[Example("a page", answer=examples.page(examples.INVOICE))],
    )
    def get(self, request: Request) -> Response:
        """
        Everybody's, or one customer's; in any state, or in one. Customers see their own: a filter by somebody else
        finds nothing, as one by nobody does.
        """
        query = self.query()
        rows = invoices.list_invoices(
            user_id=query.get("user"),
            company_id=query.get("company"),
            status=query.get("status"),
            only_of=self.admission.only_of,
        )
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
        promo code are limited per caller. Customers buy for themselves and need not say so.
        """
        body = self.body()
        body["owner"] = owner_meant(self, body["owner"], otherwise=EXACTLY_ONE_PAYER)
        key = idempotency_key(request)
        if body.get("promo_code"):
            count_promo_code_try(self.actor)

        def effect() -> StoredAnswer:
            created = operations.create(**body, key=key, by=self.actor)
            return stored(status.HTTP_201_CREATED, InvoiceSerializer(created.invoice).data)

        return answer_once(request, effect, by=self.actor)


class InvoiceView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="One invoice",
        answers={200: InvoiceSerializer},
        errors=[errors.InvoiceNotFound],
        examples=[Example("to be paid", answer=examples.INVOICE)],
    )
    def get(self, request: Request, invoice_id: UUID) -> Response:
        """What was asked for, and what became of it."""
        found = invoices.get_invoice(invoice_id, only_of=self.admission.only_of)
        return Response(InvoiceSerializer(found).data)


class InvoiceCancellationView(ApiView):
    permission_classes = [may(scopes=("billing:write",), permission="billing.change_invoice", own=OWN)]

    @documented(
        summary="Cancel an invoice",
        answers={200: InvoiceSerializer},
        errors=[errors.InvoiceNotFound, errors.InvoiceNotPending],
        examples=[Example("cancelled", answer={**examples.INVOICE, "status": "cancelled"})],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Gives a reserved use of a promo code back. Cancelling a cancelled invoice changes nothing."""
        cancelled = operations.cancel(invoice_id=invoice_id, only_of=self.admission.only_of, by=self.actor)
        return Response(InvoiceSerializer(cancelled).data)


class InvoiceCheckoutView(ApiView):
    permission_classes = [may(scopes=("billing:write",), permission="billing.change_invoice", own=OWN)]

    @documented(
        summary="Begin paying an invoice",
        body=NewCheckoutSerializer,
        answers={200: CheckoutSerializer},
        errors=[
            errors.InvoiceNotFound,
            errors.InvoiceNotPending,
            errors.ProviderNotOffered,
            errors.ProviderNotAvailable,
        ],
        examples=[
            Example(
                "at a provider's page",
                body={"provider": "yookassa", "return_url": "https://shop.example/thanks"},
                answer=examples.CHECKOUT,
            )
        ],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """
        Where the customer pays: a page to open, an invoice inside Telegram, or what the provider's client needs. Asked
        again for the same provider, the answer is the same. That somebody came back to `return_url` is no payment: the
        invoice becomes `paid` once the provider has said so.
        """
        started = checkouts.start(invoice_id=invoice_id, **self.body(), only_of=self.admission.only_of, by=self.actor)
        return Response(CheckoutSerializer(started).data)


class InvoicePaymentView(ApiView):
    permission_classes = [may(scopes=("payments:write",), permission="billing.add_payment")]

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
