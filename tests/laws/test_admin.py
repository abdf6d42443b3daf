"""
Every page of Admin, whoever made it: guarded things are only read, lists cost the same however long they are, and no
question breaks a page. Who may do what there is held by test_admin_permissions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.db import connection, models
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from accounts.models import BackupCode, LoginToken, RefreshToken, SecondFactor, Session, SpentInitData, User
from audit.models import Delivery, SealChain
from billing.models import (
    CreditAllowance,
    InvoiceCounter,
    LotCheckpoint,
    LowBalanceCheckpoint,
    ReconciliationCheckpoint,
    SubscriptionPeriod,
)
from core.admin.display import change_url, list_url
from core.admin.pages import OfficeAdmin
from core.database import GUARDS
from core.models import IdempotencyRecord, Throttle
from core.tests.operators import Operator
from messaging.models import BotPause, BotUpdate
from tests.laws.admin_pages import MAKERS, PAGES, Model, as_stored, name
from tests.laws.house import house_models

pytestmark = pytest.mark.matrix

# Three of them are the figures in the sidebar.
MOST_QUERIES_OF_A_LIST: Final = 12
# Further rows, in which a query for each of them would show.
MORE: Final = 4
# Besides itself, a page tells its object's history and what belongs to it.
MOST_QUERIES_OF_A_PAGE: Final = 16

# Models without a page, and why nobody misses it.
WITHOUT_A_PAGE: Final[Mapping[Model, str]] = {
    Session: "shown on the page of the person whose devices they are",
    RefreshToken: "digests and moments, which tell nothing that their session does not",
    SecondFactor: "sealed secrets; whether there is one is told by its owner's page and under Security",
    BackupCode: "digests; how many are left is told to their owner under Security",
    LoginToken: "browsers that wait for five minutes",
    SpentInitData: "digests of logins that are over",
    IdempotencyRecord: "first answers, read by the API alone; they hold what callers were told",
    Throttle: "buckets that run full by themselves",
    SealChain: "how far sealing and verification came; the page of the seals shows it",
    Delivery: "messages about alerts, shown on the alerts' own pages",
    BotUpdate: "mail of Telegram as it came; what it did is seen at the things it touched, and what failed at its job",
    BotPause: "how long a bot is silent, told by `/internal/webhook-info`; that a token is refused is an alert",
    CreditAllowance: "what each colleague gave in a day, told above the form of a credit; the ledger has each of them",
    InvoiceCounter: "one number a year, shown by the invoices themselves",
    SubscriptionPeriod: "the stretches of a subscription, shown on its page",
    LotCheckpoint: "a ledger's intermediate sums, made anew from it at any time",
    LowBalanceCheckpoint: "how far a job has looked for balances that became low; what it finds is announced",
    ReconciliationCheckpoint: "how far reconciliation came; what it finds becomes an alert",
}
GUARDED: Final = [model for model in PAGES if model in GUARDS and GUARDS[model].kind != "editable"]


def unseen(known: Collection[Model], pages: Collection[Model], excused: Mapping[Model, str]) -> list[str]:
    """Models that have neither a page nor an excuse, or both."""
    return [
        name(model)
        for model in known
        if (model in pages) == (model in excused) or (model in excused and len(excused[model]) < 20)
    ]


def test_every_model_has_a_page_or_a_reason_to_have_none() -> None:
    assert unseen(house_models(), PAGES, WITHOUT_A_PAGE) == []


def test_a_model_without_page_and_reason_is_found() -> None:
    assert unseen([User], [], {}) == [name(User)]
    assert unseen([User], [], {User: "no"}) == [name(User)]
    assert unseen([User], [User], {User: "it has a page and an excuse as well"}) == [name(User)]


def test_every_page_stands_on_the_house_s_own() -> None:
    assert [name(model) for model, page in admin.site._registry.items() if not isinstance(page, OfficeAdmin)] == []


def attempts(client: Client, row: models.Model) -> dict[str, int]:
    """The answers to everything that Django's Admin could be asked to do to a row."""
    model = type(row)
    page, everything = change_url(row, row.pk), list_url(model)
    forged = {field.name: "forged" for field in model._meta.concrete_fields}
    bulk = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes", "index": "0"}
    return {
        "add": client.post(f"{everything}add/", forged).status_code,
        "change": client.post(page, {**forged, "_save": "Save"}).status_code,
        "save as new": client.post(page, {**forged, "_saveasnew": "Save"}).status_code,
        "delete": client.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code,
        "delete selected": client.post(everything, bulk).status_code,
        "edit in the list": client.post(everything, {"form-TOTAL_FORMS": "1", "_save": "Save"}).status_code,
    }


@pytest.mark.django_db
class TestGuardedThings:
    @pytest.mark.parametrize("model", GUARDED, ids=name)
    def test_are_only_read_by_superusers_as_well(self, model: Model) -> None:
        row = MAKERS[model]()
        root = Operator(is_superuser=True)
        before, many = as_stored(row), model._default_manager.count()
        answers = attempts(root.client, row)
        assert {
            way: status for way, status in answers.items() if "list" not in way and "selected" not in way
        } == dict.fromkeys(("add", "change", "save as new", "delete"), 403)
        assert all(status < 500 for status in answers.values())
        assert as_stored(row) == before
        assert model._default_manager.count() == many

    def test_would_be_deleted_by_django_s_own_page(self) -> None:
        """The control: the same request goes through where a page permits it."""
        group = MAKERS[Group]()
        url = change_url(group, group.pk).replace("/change/", "/delete/")
        lenient = admin.AdminSite()
        lenient.register(Group, admin.ModelAdmin)
        with override_settings(ROOT_URLCONF=(path("admin/", lenient.urls),)):
            assert Operator(is_superuser=True).client.post(url, {"post": "yes"}).status_code == 302
        assert as_stored(group) is None


@pytest.mark.django_db
@pytest.mark.parametrize("model", [model for model in PAGES if model not in GUARDED], ids=name)
def test_nothing_else_is_deleted_either(model: Model) -> None:
    row = MAKERS[model]()
    root = Operator(is_superuser=True)
    answers = attempts(root.client, row)
    assert answers["delete"] == 403
    assert as_stored(row) is not None


def cost(ask: Callable[[], Any]) -> list[str]:
    """The queries of a page that opens, but for that of the test clock, which production has not."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    assert answer.status_code == 200, answer.headers.get("Location")
    return [query["sql"] for query in captured if "core_clock_offset" not in query["sql"]]


def counted(queries: Collection[str], model: Model) -> list[str]:
    table = f'"{model._meta.db_table}"'
    return [sql for sql in queries if "COUNT(" in sql.upper() and table in sql and "LIMIT" not in sql.upper()]


@pytest.mark.django_db
@pytest.mark.parametrize("model", PAGES, ids=name)
def test_costs_do_not_grow(model: Model) -> None:
    """Those of a list, and those of an object's page."""
    row = MAKERS[model]()
    operator = Operator("operator")
    questions: dict[int, Callable[[], Any]] = {
        MOST_QUERIES_OF_A_LIST: lambda: operator.list(model),
        MOST_QUERIES_OF_A_PAGE: lambda: operator.page(row),
    }
    # What a process asks for once is not the page's.
    for ask in questions.values():
        ask()
    few = {most: cost(ask) for most, ask in questions.items()}
    for _number in range(MORE):
        MAKERS[model]()
    for most, ask in questions.items():
        many = cost(ask)
        assert len(many) == len(few[most]) <= most, many
        assert counted(many, model) == []


def test_a_count_of_the_whole_table_is_found() -> None:
    assert counted(['SELECT COUNT(*) AS "__count" FROM "accounts_user"'], User)
    assert not counted(['SELECT COUNT(*) FROM (SELECT 1 FROM "accounts_user" LIMIT 100) s'], User)


SCRIPT: Final = '"<script>alert(1)</script>'
HOSTILE: Final = (
    "x" * 10_000,
    "'; DROP TABLE accounts_user; --",
    SCRIPT,
    "%_%_%\\",
    "\u202e\u200b\ufeff",
    "9" * 40,
    "-" * 20,
    "2026-99999999999999999",
    "²-³",
    "{}",
)
STRANGE: Final = (
    {"after": "forged"},
    {"created_at_since": "9999-99-99", "created_at_until": "0000-00-00"},
    {"created_at_until": "9999-12-31"},
    {"created_at_since": "0001-01-01"},
    {"created_at_since": "-1"},
    {"o": "1.-2.99"},
    {"p": "no number"},
    {"all": ""},
    {"e": "1"},
    {"view": "'"},
    {"state": "\ud7ff"},
    {"entity_id": "\u202e", "user": "no id", "action": "'"},
    {"wallet__exact": "no id"},
    {"user__password__startswith": "a"},
    {"owner__password__startswith": "a"},
    {"_popup": "1", "_to_field": "password"},
    {"_facets": "True"},
)


def listed(model: Model, operator: Operator, **question: str) -> HttpResponse:
    """A list's answer with all that it has found out, but for its HTML, which takes most of the time."""
    request = RequestFactory().get(list_url(model), question)
    request.user, request.session = operator.user, operator.client.session
    page: Any = admin.site._registry[model]
    answer: HttpResponse = page.changelist_view(request)
    if isinstance(answer, TemplateResponse) and answer.context_data and "cl" in answer.context_data:
        # Rows are read when they are shown.
        list(answer.context_data["cl"].result_list)
    return answer


@pytest.mark.django_db
@pytest.mark.parametrize("model", PAGES, ids=name)
class TestHostileQuestions:
    def test_are_searched_for_in_vain(self, model: Model) -> None:
        MAKERS[model]()
        operator = Operator("viewer")
        for term in HOSTILE:
            assert listed(model, operator, q=term).status_code == 200, term
        answer = operator.list(model, q=SCRIPT)
        assert answer.status_code == 200
        assert b"<script>alert(1)" not in answer.content

    def test_break_no_list(self, model: Model) -> None:
        MAKERS[model]()
        operator = Operator("viewer")
        for strange in STRANGE:
            # What is suspicious is answered with 400; anything else that is raised is a defect.
            with suppress(SuspiciousOperation):
                assert listed(model, operator, **strange).status_code in {200, 302}, strange

    def test_break_no_page(self, model: Model) -> None:
        operator = Operator("viewer")
        for key in ("no-id", "0", "-1", "9" * 40, "01980f2a-3b4c-7d5e-8f90-123456789abc", "_27", "a/b", "\u202e"):
            assert operator.client.get(change_url(model, key)).status_code in {200, 302, 404}, key

    def test_with_nul_are_refused_at_the_door(self, model: Model) -> None:
        operator = Operator("viewer")
        assert operator.client.get(f"{list_url(model)}?q=%00").status_code == 400
        assert operator.client.get(f"{list_url(model)}?q=%ED%A0%80").status_code == 400
