"""Every list of billing costs the same number of queries with one row and with twenty."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.api.authentication import forget_answers
from billing.models import Wallet
from billing.tests import deeds
from billing.tests.callers import Caller, pages
from billing.tests.factories import (
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    funded_wallet,
)
from core.database_roles import as_owner

pytestmark = pytest.mark.django_db

_numbers = count(1)


def _invoice(wallet: Wallet) -> None:
    promo_code = PromoCodeFactory.create()
    InvoiceFactory.create(wallet=wallet, promo_code=promo_code)


# Path, and what makes one row of the list.
LISTS: Final[dict[str, Callable[[Wallet], object]]] = {
    "users/{user}/transactions": deeds.charge,
    "tariffs": lambda _wallet: TariffFactory.create(sort_order=next(_numbers) % 3),
    "promo-codes": lambda _wallet: PromoCodeFactory.create(tariff=TariffFactory.create()),
    "invoices": _invoice,
    "invoices?user={user}": _invoice,
    "invoices?status=pending": _invoice,
}


@pytest.fixture
def wallet() -> Wallet:
    return funded_wallet(tokens=100)


@pytest.mark.parametrize("listed", LISTS)
class TestEachList:
    def test_has_a_fixed_number_of_queries(self, listed: str, wallet: Wallet) -> None:
        caller = Caller("billing:read", "staff")
        path = listed.format(user=wallet.user_id)
        LISTS[listed](wallet)
        caller.get(path)
        # Who calls is asked in both cases or in neither.
        forget_answers()
        with CaptureQueriesContext(connection) as with_one:
            first = caller.get(path)
        for _ in range(19):
            LISTS[listed](wallet)
        forget_answers()
        with CaptureQueriesContext(connection) as with_twenty:
            second = caller.get(path)
        assert len(second.json()["results"]) >= len(first.json()["results"]) + 19
        assert len(with_twenty) == len(with_one)
        assert not [query for query in with_twenty.captured_queries if "COUNT(" in query["sql"].upper()]

    def test_shows_every_row_once_whatever_the_size_of_its_pages(self, listed: str, wallet: Wallet) -> None:
        for _ in range(7):
            LISTS[listed](wallet)
        caller = Caller("billing:read", "staff")
        path, _, query = listed.format(user=wallet.user_id).partition("?")
        filters: dict[str, str | int] = {name: value for name, _equals, value in [query.partition("=")] if name}
        whole = [row for page in pages(caller, path, limit=200, **filters) for row in page]
        by_three = [row for page in pages(caller, path, limit=3, **filters) for row in page]
        assert by_three == whole
        assert len(whole) >= 7

    def test_is_walked_back_to_where_it_began(self, listed: str, wallet: Wallet) -> None:
        for _ in range(7):
            LISTS[listed](wallet)
        caller = Caller("billing:read", "staff")
        path, _, query = listed.format(user=wallet.user_id).partition("?")
        filters: dict[str, str | int] = {name: value for name, _equals, value in [query.partition("=")] if name}
        forwards = pages(caller, path, limit=3, **filters)

        def page(cursor: dict[str, str]) -> dict[str, Any]:
            answer: dict[str, Any] = caller.get(path, limit=3, **filters, **cursor).json()
            return answer

        here = page({})
        while here["next"]:
            here = page({"cursor": here["next"]})
        backwards = [here["results"]]
        while here["previous"]:
            here = page({"cursor": here["previous"]})
            backwards.append(here["results"])

        assert backwards == forwards[::-1]

    @pytest.mark.parametrize(
        "wrong", ["limit=0", "limit=201", "limit=ten", "cursor=forged", "offset=1", "limit=1&limit=2"]
    )
    def test_names_the_parameter_that_is_wrong(self, listed: str, wrong: str, wallet: Wallet) -> None:
        path = listed.format(user=wallet.user_id)
        answer = Caller("billing:read", "staff").get(f"{path}{'&' if '?' in path else '?'}{wrong}")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [wrong.partition("=")[0]]


def test_invoices_of_one_customer_are_found_by_their_own_index(wallet: Wallet) -> None:
    """Not by walking everybody's: the wallet is found first."""
    InvoiceFactory.create(wallet=wallet)
    InvoiceFactory.create_batch(40, tariff=TariffFactory.create())
    # The planner goes by what it knows of the tables, which is otherwise what autovacuum has last seen there.
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE billing_invoice, billing_wallet")
    caller = Caller("billing:read")
    caller.get("invoices")
    with CaptureQueriesContext(connection) as queries:
        answer = caller.get("invoices", user=str(wallet.user_id))
    assert len(answer.json()["results"]) == 1
    asked = [query["sql"] for query in queries.captured_queries if "billing_invoice" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {asked[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "billing_invoice_by_wallet" in plan, plan
    assert "Scan using billing_wallet_user_id_key" in plan, plan
