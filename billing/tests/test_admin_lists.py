"""Billing's pages in Admin: who may do what, what is only read, and what a list costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from billing.models import (
    CreditRequest,
    Hold,
    Invoice,
    Payment,
    PromoCode,
    PromoRedemption,
    Tariff,
    Transaction,
    Wallet,
)
from billing.tests.factories import (
    CreditRequestFactory,
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    funded_wallet,
)
from billing.tests.operators import Operator, deed_of, list_of, page_of
from billing.tests.snapshots import snapshot
from core.database import GUARDS

pytestmark = pytest.mark.django_db

MAKERS: dict[type[Model], Callable[[], object]] = {
    Tariff: TariffFactory.create,
    PromoCode: lambda: PromoCodeFactory.create(tariff=TariffFactory.create()),
    PromoRedemption: lambda: InvoiceFactory.create(promo_code=PromoCodeFactory.create()),
    Invoice: lambda: InvoiceFactory.create(promo_code=PromoCodeFactory.create()),
    Payment: PaymentFactory.create,
    Transaction: funded_wallet,
    Hold: HoldFactory.create,
    Wallet: HoldFactory.create,
    CreditRequest: CreditRequestFactory.create,
}
MODELS = sorted(MAKERS, key=lambda model: model.__name__)
READ_ONLY = [model for model in MODELS if GUARDS[model].kind != "editable"]


@pytest.mark.parametrize("model", MODELS)
def test_list_counts_nothing(model: type[Model]) -> None:
    operator = Operator()
    MAKERS[model]()

    with CaptureQueriesContext(connection) as captured:
        operator.list(model, _facets="True")

    table = model._meta.db_table
    counted = [each["sql"] for each in captured if "COUNT(" in each["sql"].upper() and f'"{table}"' in each["sql"]]
    assert counted == []


@pytest.mark.parametrize("model", MODELS)
def test_senseless_search_finds_nothing_and_is_no_error(model: type[Model]) -> None:
    operator = Operator()
    MAKERS[model]()

    for term in ("%", "@", "2026-", "²", "9" * 40, "x" * 300, "' OR 1=1"):
        answer = operator.list(model, q=term)
        assert answer.status_code == 200
        assert answer.context["cl"].result_list == []


@pytest.mark.parametrize("model", MODELS)
def test_page_of_an_object_opens(model: type[Model]) -> None:
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None

    assert Operator("viewer").page(row).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_is_frozen_or_append_only_is_read_only(model: type[Model]) -> None:
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None
    superadmin = Operator("superadmin")
    superadmin.user.is_superuser = True
    superadmin.user.save()
    before = snapshot()

    answers = [
        superadmin.open(f"{list_of(model)}add/"),
        superadmin.client.post(f"{list_of(model)}add/", {}),
        superadmin.client.post(page_of(row), {"_save": "Save"}),
        superadmin.client.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]
    assert snapshot() == before


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_deleted(model: type[Model]) -> None:
    page = admin.site.get_model_admin(model)
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None
    superadmin = Operator("superadmin")

    answer = superadmin.client.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"})

    assert answer.status_code == 403
    assert not page.has_delete_permission(answer.wsgi_request)


@pytest.mark.parametrize("model", MODELS)
def test_stranger_to_billing_sees_none_of_it(model: type[Model]) -> None:
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None
    stranger = Operator(role=None)

    assert stranger.list(model).status_code == 403
    assert stranger.page(row).status_code == 403


DEEDS: dict[str, tuple[type[Model], str, frozenset[str]]] = {
    "tariff": (Tariff, "archive", frozenset({"superadmin", "operator"})),
    "code": (PromoCode, "switch_off", frozenset({"superadmin", "operator"})),
    "simulator": (PromoCode, "try_this", frozenset({"superadmin", "operator", "support", "viewer"})),
    "payment": (Invoice, "record_payment", frozenset({"superadmin", "operator"})),
    "cancelling": (Invoice, "cancel", frozenset({"superadmin", "operator"})),
    "credit": (Wallet, "credit", frozenset({"superadmin", "operator", "support"})),
    "freezing": (Wallet, "freeze", frozenset({"superadmin", "operator"})),
    "unfreezing": (Wallet, "unfreeze", frozenset({"superadmin", "operator"})),
}


@pytest.mark.parametrize("role", ["superadmin", "operator", "support", "viewer", None])
@pytest.mark.parametrize("deed", DEEDS)
def test_deed_is_for_its_roles_only(deed: str, role: str | None) -> None:
    model, name, allowed = DEEDS[deed]
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None
    somebody = Operator(role)
    url = deed_of(row, name)

    before = snapshot()
    opened, sent = somebody.open(url), somebody.client.post(url, {})

    expected = 200 if role in allowed else 403
    assert (opened.status_code, sent.status_code) == (expected, expected)
    assert snapshot() == before


@pytest.mark.parametrize(("role", "status"), [("operator", 200), ("support", 403), ("viewer", 403)])
@pytest.mark.parametrize("path", ["tariff/add/", "promocode/add/", "promocode/generate/"])
def test_only_those_who_sell_make_tariffs_and_codes(path: str, role: str, status: int) -> None:
    assert Operator(role).open(f"/admin/billing/{path}").status_code == status


@pytest.mark.parametrize("model", [Tariff, PromoCode])
def test_form_is_read_only_for_those_who_only_look(model: type[Model]) -> None:
    MAKERS[model]()
    row = model._default_manager.first()
    assert row is not None
    before = snapshot()

    assert Operator("viewer").client.post(page_of(row), {"name": "Mine"}).status_code == 403
    after = snapshot()
    assert {table: rows for table, rows in after.items() if table.startswith("billing")} == {
        table: rows for table, rows in before.items() if table.startswith("billing")
    }
