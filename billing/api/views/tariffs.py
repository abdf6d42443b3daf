"""Routes about what is sold."""

from __future__ import annotations

from typing import Final

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import examples
from billing.api.serializers.tariffs import NewTariffSerializer, TariffChangeSerializer, TariffSerializer
from billing.errors import TariffChanged, TariffNotFound, TariffSlugTaken
from billing.operations import tariffs as operations
from billing.queries import tariffs
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, STAFF, by_method, may
from core.api.serializers import ListParams
from core.api.views import ApiView

_IN_ORDER: Final = Keyset("sort_order", "slug")
# What is on sale is for everybody who comes in.
_READ: Final = may(scopes=("billing:read", STAFF), permission="billing.view_tariff", own=OWN)
_ADD: Final = may(scopes=(STAFF,), permission="billing.add_tariff")
_CHANGE: Final = may(scopes=(STAFF,), permission="billing.change_tariff")
_NEW: Final = {
    "slug": "pack-50",
    "name": "50 documents",
    "price": {"amount": 14900, "currency": "RUB"},
    "price_stars": 100,
    "tokens": 50,
    "sort_order": 1,
}


class TariffListView(ApiView):
    permission_classes = [by_method(GET=_READ, POST=_ADD)]

    @documented(
        summary="List tariffs",
        operation_id="tariffs_list",
        query=ListParams,
        answers={200: paged(TariffSerializer)},
        examples=[Example("a page", answer=examples.page(examples.TARIFF))],
    )
    def get(self, request: Request) -> Response:
        """Those on sale, by ``sort_order``; staff, and servers with the scope ``staff``, also see archived ones."""
        rows = tariffs.list_tariffs(with_archived=self.admission.is_staff)
        return self.page(rows, _IN_ORDER, TariffSerializer)

    @documented(
        summary="Put a tariff on sale",
        body=NewTariffSerializer,
        answers={201: TariffSerializer},
        errors=[TariffSlugTaken],
        examples=[Example("a package", body=_NEW, answer=examples.TARIFF, status=201)],
    )
    def post(self, request: Request) -> Response:
        """It sells tokens, days of a subscription, or both."""
        tariff = operations.create(**self.body(), by=self.actor)
        return Response(TariffSerializer(tariff).data, status=status.HTTP_201_CREATED)


class TariffView(ApiView):
    permission_classes = [by_method(GET=_READ, PATCH=_CHANGE, DELETE=_CHANGE)]

    @documented(
        summary="One tariff",
        answers={200: TariffSerializer},
        errors=[TariffNotFound],
        examples=[Example("a package", answer=examples.TARIFF)],
    )
    def get(self, request: Request, slug: str) -> Response:
        """One on sale; staff, and servers with the scope ``staff``, also see archived ones."""
        found = tariffs.get_tariff(slug, with_archived=self.admission.is_staff)
        return Response(TariffSerializer(found).data)

    @documented(
        summary="Change a tariff",
        body=TariffChangeSerializer,
        answers={200: TariffSerializer},
        errors=[TariffNotFound, TariffChanged],
        examples=[
            Example(
                "a new price",
                body={"price": {"amount": 17900, "currency": "RUB"}, "version": 1},
                answer={**examples.TARIFF, "price": {"amount": 17900, "currency": "RUB"}, "version": 2},
            )
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        """
        ``version`` is the one that the editor saw; if somebody has changed the tariff since, nothing is overwritten.
        Invoices that were made before keep what they froze.
        """
        return Response(TariffSerializer(operations.change(slug=slug, **self.body(), by=self.actor)).data)

    @documented(summary="Archive a tariff", answers={204: None}, errors=[TariffNotFound])
    def delete(self, request: Request, slug: str) -> Response:
        """It is taken off sale and stays in history. Invoices that were made before can still be paid."""
        operations.archive(slug=slug, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)
