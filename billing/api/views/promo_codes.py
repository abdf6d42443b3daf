"""Routes about promo codes."""

from __future__ import annotations

from typing import Final

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.owners import owner_meant
from billing.api.serializers.tariffs import (
    NewPromoCodeSerializer,
    PromoCodeChangeSerializer,
    PromoCodeSerializer,
    QuoteInquirySerializer,
    QuoteSerializer,
)
from billing.api.throttles import count_promo_code_try
from billing.operations import promo_codes as operations
from billing.queries import promo_codes, quotes
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, STAFF, by_method, may
from core.api.serializers import ListParams
from core.api.views import ApiView

_NEWEST_FIRST: Final = Keyset("-id")
_READ: Final = may(scopes=(STAFF,), permission="billing.view_promocode")
_ADD: Final = may(scopes=(STAFF,), permission="billing.add_promocode")
_CHANGE: Final = may(scopes=(STAFF,), permission="billing.change_promocode")
# Why a customer cannot have a tariff, and why a code does not lower its price.
OFFER_REFUSALS: Final = (
    errors.WalletNotFound,
    errors.TariffNotFound,
    errors.TariffNotOnSale,
    errors.TariffNotForOwner,
    errors.PromoCodeNotValid,
    errors.PromoCodeExhausted,
    errors.PromoCodeAlreadyUsed,
    errors.PromoCodeNotForTariff,
    errors.PromoCodeCurrencyMismatch,
    errors.PromoCodeWithoutEffect,
    errors.AmountBelowMinimum,
)


class QuoteView(ApiView):
    permission_classes = [
        may(scopes=("billing:read", "billing:write", STAFF), permission="billing.view_promocode", own=OWN)
    ]

    @documented(
        summary="What a tariff would cost with a promo code",
        body=QuoteInquirySerializer,
        answers={200: QuoteSerializer},
        errors=OFFER_REFUSALS,
        examples=[
            Example(
                "33 % off",
                body={"user": examples.ANNA, "tariff": "pack-50", "code": "welcome33"},
                answer=examples.QUOTE,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """
        Nothing is reserved: an invoice does that. Attempts are limited per caller, and an unknown code is answered as
        one that is not valid now. Customers ask for themselves and need not say so.
        """
        body = self.body()
        owner = owner_meant(self, body["owner"])
        count_promo_code_try(self.actor)
        price = quotes.get_quote_for(owner, tariff=body["tariff"], promo_code=body["code"])
        return Response(QuoteSerializer(price).data)


class PromoCodeListView(ApiView):
    permission_classes = [by_method(GET=_READ, POST=_ADD)]

    @documented(
        summary="List promo codes, newest first",
        operation_id="promo_codes_list",
        query=ListParams,
        answers={200: paged(PromoCodeSerializer)},
        examples=[Example("a page", answer=examples.page(examples.PROMO_CODE))],
    )
    def get(self, request: Request) -> Response:
        """All of them, also those that have ended."""
        return self.page(promo_codes.list_promo_codes(), _NEWEST_FIRST, PromoCodeSerializer)

    @documented(
        summary="Make a promo code",
        body=NewPromoCodeSerializer,
        answers={201: PromoCodeSerializer},
        errors=[errors.PromoCodeTaken, errors.TariffNotFound],
        examples=[
            Example(
                "33 % off",
                body={
                    "code": "Welcome33",
                    "discount_type": "percent",
                    "discount_value": 33,
                    "max_uses": 100,
                    "valid_until": "2026-12-31T21:00:00Z",
                },
                answer={**examples.PROMO_CODE, "uses_count": 0},
                status=201,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """It is kept in capitals and found in any letter case."""
        promo_code = operations.create(**self.body(), by=self.actor)
        return Response(PromoCodeSerializer(promo_code).data, status=status.HTTP_201_CREATED)


class PromoCodeView(ApiView):
    permission_classes = [by_method(GET=_READ, PATCH=_CHANGE, DELETE=_CHANGE)]

    @documented(
        summary="One promo code",
        answers={200: PromoCodeSerializer},
        errors=[errors.PromoCodeNotValid],
        examples=[Example("33 % off", answer=examples.PROMO_CODE)],
    )
    def get(self, request: Request, code: str) -> Response:
        """Found in any letter case, also when it has ended."""
        return Response(PromoCodeSerializer(promo_codes.get_promo_code(code)).data)

    @documented(
        summary="Change a promo code",
        body=PromoCodeChangeSerializer,
        answers={200: PromoCodeSerializer},
        errors=[errors.PromoCodeNotValid, errors.TariffNotFound],
        examples=[Example("a higher cap", body={"max_uses": 200}, answer={**examples.PROMO_CODE, "max_uses": 200})],
    )
    def patch(self, request: Request, code: str) -> Response:
        """What is absent stays as it is. Invoices that were made before keep what they froze."""
        return Response(PromoCodeSerializer(operations.change(code=code, **self.body(), by=self.actor)).data)

    @documented(summary="End a promo code", answers={204: None}, errors=[errors.PromoCodeNotValid])
    def delete(self, request: Request, code: str) -> Response:
        """It is switched off and stays in history. Uses that invoices have reserved stay theirs."""
        operations.switch_off(code=code, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)
