"""Every list of the API costs the same number of queries with one row and with twenty, and counts nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import pytest
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from accounts.api.authentication import forget_answers
from accounts.models import User
from accounts.scopes import SCOPES
from accounts.tests.factories import StaffFactory, UserFactory, api_key_header, bearer_header, opened
from audit.tests.factories import AdminAlertFactory, AuditLogFactory
from billing.models import Invoice, Wallet
from billing.tests import deeds
from billing.tests.factories import (
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    WalletFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    brought,
    funded_wallet,
)
from core.api.declarations import declared_of
from core.api.serializers import ListParams
from tests.laws.routes import routes, view_of


def owner_of(wallet: Wallet) -> User:
    """The person whose wallet it is."""
    assert wallet.user is not None
    return wallet.user


# What makes one more row of each list.
LISTS: Final[Mapping[str, Callable[[Wallet], object]]] = {
    "GET /api/v1/audit-logs": lambda _wallet: AuditLogFactory.create(),
    "GET /api/v1/auth/sessions": lambda wallet: opened(owner_of(wallet)),
    "GET /api/v1/admins": lambda _wallet: StaffFactory.create(role="viewer"),
    "GET /api/v1/alerts": lambda _wallet: AdminAlertFactory.create(),
    "GET /api/v1/users": lambda _wallet: WalletFactory.create(user=UserFactory.create()),
    "GET /api/v1/users/<uuid:user_id>/transactions": deeds.charge,
    "GET /api/v1/tariffs": lambda _wallet: TariffFactory.create(),
    "GET /api/v1/promo-codes": lambda _wallet: PromoCodeFactory.create(tariff=TariffFactory.create()),
    "GET /api/v1/payments": lambda wallet: PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet)),
    "GET /api/v1/referrals": lambda _wallet: brought(),
    "GET /api/v1/webhook-endpoints": lambda _wallet: WebhookEndpointFactory.create(),
    "GET /api/v1/webhook-deliveries": lambda _wallet: WebhookDeliveryFactory.create(),
    "GET /api/v1/subscriptions": lambda wallet: SubscriptionFactory.create(
        wallet=wallet, tariff=PlanFactory.create(family=""), periods=2
    ),
    "GET /api/v1/invoices": lambda wallet: InvoiceFactory.create(wallet=wallet, promo_code=PromoCodeFactory.create()),
}

pytestmark = pytest.mark.django_db


def lists(known: Collection[str]) -> set[str]:
    """The routes that answer with pages: what they declare about their query says so."""
    found = set()
    for route in known:
        view = view_of(route)
        query = declared_of(view, "GET").query if route.startswith("GET ") else None
        if query is not None and issubclass(query, ListParams):
            found.add(route)
    return found


def cost(client: Client, address: str) -> tuple[list[Any], list[str]]:
    """The rows of the first page, and the queries that it took."""
    # Who calls is asked each time.
    forget_answers()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address, query_params={"limit": "200"})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"], [query["sql"] for query in captured.captured_queries]


def test_every_list_is_tried() -> None:
    assert lists(routes()) == set(LISTS)


@pytest.mark.parametrize("route", LISTS)
def test_costs_the_same_however_many_rows(route: str) -> None:
    wallet = funded_wallet()
    of_a_person = route.startswith("GET /api/v1/auth/")
    if route == "GET /api/v1/admins":
        client = Client(headers=bearer_header(StaffFactory.create(role="superadmin")))
    else:
        client = Client(headers=bearer_header(owner_of(wallet)) if of_a_person else api_key_header(*SCOPES))
    address = route.removeprefix("GET ").replace("<uuid:user_id>", str(wallet.user_id))
    LISTS[route](wallet)
    client.get(address)
    few, with_few = cost(client, address)
    for _row in range(19):
        LISTS[route](wallet)
    many, with_many = cost(client, address)
    assert len(many) >= len(few) + 19
    assert len(with_many) == len(with_few), with_many
    assert not [query for query in with_many if "COUNT(" in query.upper()]


def _asks_for_each_row(_request: HttpRequest) -> JsonResponse:
    invoices = Invoice.objects.order_by("-id")
    return JsonResponse({"results": [{"tariff": invoice.tariff.slug} for invoice in invoices]})


urlpatterns = [path("slow", _asks_for_each_row)]


@override_settings(ROOT_URLCONF=__name__)
def test_a_list_that_asks_for_each_row_is_found() -> None:
    InvoiceFactory.create()
    few, with_few = cost(Client(), "/slow")
    InvoiceFactory.create()
    many, with_many = cost(Client(), "/slow")
    assert (len(few), len(many)) == (1, 2)
    assert len(with_many) > len(with_few)
