"""People over the API: customers and what is theirs, staff and what their role lets them do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.tests.factories import StaffFactory, UserFactory, bearer_header
from audit.models import AuditLog
from billing.models import Invoice, Transaction, Wallet
from billing.tests import deeds
from billing.tests.callers import Answer, Caller
from billing.tests.factories import InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory, funded_wallet

# Refusals doom a transaction: each request has its own, as outside of tests.
pytestmark = pytest.mark.django_db(transaction=True)


class Person(Caller):
    """Somebody in a session of theirs."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client = Client(headers=bearer_header(user))


@pytest.fixture
def wallet() -> Wallet:
    return funded_wallet(tokens=100)


@pytest.fixture
def anna(wallet: Wallet) -> Person:
    assert wallet.user is not None
    return Person(wallet.user)


@pytest.fixture
def boris() -> User:
    user = WalletFactory.create().user
    assert user is not None
    return user


def colleague(role: str) -> Person:
    return Person(StaffFactory.create(role=role))


def told(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def without_id(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}


class TestACustomer:
    def test_sees_their_tokens_their_history_and_their_numbers(self, anna: Person, wallet: Wallet) -> None:
        deeds.charge(wallet, 30)
        at = f"users/{anna.user.pk}"
        assert anna.get(f"{at}/wallet").json()["token_balance"] == 70
        assert [row["tokens_delta"] for row in anna.get(f"{at}/transactions").json()["results"]] == [-30, 100]
        assert anna.get(f"{at}/stats").json()["total_generated"] == 1

    def test_says_what_they_are_called_and_what_they_read(self, anna: Person) -> None:
        answer = anna.patch(f"users/{anna.user.pk}", {"first_name": "Аня", "last_name": "", "language_code": "en"})
        assert answer.status_code == 200
        anna.user.refresh_from_db()
        assert (anna.user.first_name, anna.user.last_name, anna.user.language_code) == ("Аня", "", "en")
        log = AuditLog.objects.filter(action="accounts.user.updated", entity_id=str(anna.user.pk)).latest("id")
        assert (log.actor["kind"], log.user_id) == ("user", anna.user.pk)

    @pytest.mark.parametrize(
        ("name", "value"), [("username", "ceo"), ("is_premium", True), ("telegram_id", 7), ("timezone", "UTC")]
    )
    def test_says_nothing_else_of_themselves(self, anna: Person, name: str, value: object) -> None:
        answer = anna.patch(f"users/{anna.user.pk}", {name: value, "first_name": "Аня"})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [name])
        before = anna.user.first_name
        anna.user.refresh_from_db()
        assert anna.user.first_name == before

    def test_sees_what_is_on_sale_and_nothing_that_was(self, anna: Person) -> None:
        on_sale, archived = TariffFactory.create(), TariffFactory.create(is_active=False)
        assert [each["slug"] for each in anna.get("tariffs").json()["results"]] == [on_sale.slug]
        assert anna.get(f"tariffs/{on_sale.slug}").status_code == 200
        there, not_there = anna.get(f"tariffs/{archived.slug}"), anna.get("tariffs/nothing")
        assert told(there) == told(not_there) == (404, "billing.tariff_not_found")

    @pytest.mark.parametrize("naming", ["nobody", "by id", "by Telegram"])
    def test_asks_for_a_price_and_buys_for_themselves(self, anna: Person, naming: str) -> None:
        tariff, code = TariffFactory.create(), PromoCodeFactory.create()
        names: dict[str, dict[str, Any]] = {
            "nobody": {},
            "by id": {"user": str(anna.user.pk)},
            "by Telegram": {"telegram_id": anna.user.telegram_id},
        }
        named = names[naming]
        quote = anna.post("promo-codes/quote", {**named, "tariff": tariff.slug, "code": code.code})
        assert quote.status_code == 200, quote.content
        bought = anna.post("invoices", {**named, "tariff": tariff.slug, "promo_code": code.code}, key="k")
        assert bought.status_code == 201, bought.content
        assert bought.json()["user"] == str(anna.user.pk)
        assert bought.json()["amount"] == quote.json()["amount"]
        again = anna.post("invoices", {**named, "tariff": tariff.slug, "promo_code": code.code}, key="k")
        assert (again.json(), again["Idempotency-Replayed"]) == (bought.json(), "true")

    @pytest.mark.parametrize("route", ["promo-codes/quote", "invoices"])
    def test_does_neither_for_others_whether_they_are_there_or_not(self, anna: Person, boris: User, route: str) -> None:
        body = {"tariff": TariffFactory.create().slug}
        body |= {"code": PromoCodeFactory.create().code} if route.endswith("quote") else {}
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"user": str(boris.pk)}, {"user": str(uuid4())}),
            ({"telegram_id": boris.telegram_id}, {"telegram_id": 5}),
        ]
        for theirs, nobodys in pairs:
            answers = [anna.post(route, {**body, **named}, key="k") for named in (theirs, nobodys)]
            assert [told(answer) for answer in answers] == [(404, "billing.wallet_not_found")] * 2
        assert not Invoice.objects.exists()

    def test_names_themselves_once_if_at_all(self, anna: Person) -> None:
        twice = {"user": str(anna.user.pk), "telegram_id": anna.user.telegram_id}
        answer = anna.post("invoices", {**twice, "tariff": TariffFactory.create().slug}, key="k")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["user"])

    def test_lists_and_cancels_their_own_invoices(self, anna: Person, wallet: Wallet, boris: User) -> None:
        own = InvoiceFactory.create(wallet=wallet)
        InvoiceFactory.create(wallet=Wallet.objects.get(user=boris))
        for query in ({}, {"user": str(anna.user.pk)}, {"status": "pending"}):
            assert [each["id"] for each in anna.get("invoices", **query).json()["results"]] == [str(own.pk)]
        assert anna.get("invoices", user=str(boris.pk)).json()["results"] == []
        assert anna.get(f"invoices/{own.pk}").json()["id"] == str(own.pk)
        assert anna.post(f"invoices/{own.pk}/cancel").json()["status"] == "cancelled"

    @pytest.mark.parametrize("ending", ["", "/cancel"])
    def test_is_told_of_others_invoices_what_is_told_of_none(self, anna: Person, boris: User, ending: str) -> None:
        theirs = InvoiceFactory.create(wallet=Wallet.objects.get(user=boris))
        absent = uuid4()
        ask = anna.post if ending else anna.get
        there, not_there = ask(f"invoices/{theirs.pk}{ending}"), ask(f"invoices/{absent}{ending}")
        assert told(there) == (404, "billing.invoice_not_found")
        wanted = {
            **without_id(not_there),
            "detail": without_id(not_there)["detail"].replace(str(absent), str(theirs.pk)),
        }
        assert without_id(there) == wanted
        theirs.refresh_from_db()
        assert theirs.status == Invoice.Status.PENDING

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("charges", {"tokens": 1}),
            ("holds", {"tokens": 1}),
            ("grants", {"tokens": 1, "reason": "I am nice"}),
            ("charges/batch", {"charges": []}),
        ],
    )
    def test_moves_no_tokens_not_even_their_own(self, anna: Person, path: str, body: dict[str, Any]) -> None:
        answer = anna.post(path, {"user": str(anna.user.pk), **body}, key="k")
        assert told(answer) == (403, "auth.permission_denied")
        assert "required_permission" not in answer.json()
        assert Transaction.objects.count() == 1

    def test_pays_by_no_word_of_their_own(self, anna: Person, wallet: Wallet) -> None:
        invoice = InvoiceFactory.create(wallet=wallet)
        body = {
            "provider": "manual",
            "provider_payment_id": "x",
            "amount": {"amount": invoice.amount, "currency": "RUB"},
        }
        assert anna.post(f"invoices/{invoice.pk}/payments", body, key="k").status_code == 403
        invoice.refresh_from_db()
        assert invoice.status == Invoice.Status.PENDING


class TestStaff:
    def test_see_what_is_on_sale_and_what_was(self) -> None:
        TariffFactory.create()
        archived = TariffFactory.create(is_active=False)
        viewer = colleague("viewer")
        assert len(viewer.get("tariffs").json()["results"]) == 2
        assert viewer.get(f"tariffs/{archived.slug}").status_code == 200

    def test_name_the_customer_whom_they_serve(self, boris: User) -> None:
        operator = colleague("operator")
        tariff = TariffFactory.create().slug
        answer = operator.post("invoices", {"tariff": tariff}, key="k")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["user"])
        answer = operator.post("invoices", {"tariff": tariff, "user": str(boris.pk)}, key="k")
        assert (answer.status_code, answer.json()["user"]) == (201, str(boris.pk))

    def test_hear_which_permission_they_lack(self) -> None:
        answer = colleague("viewer").post("tariffs", {"slug": "x", "name": "X"})
        assert told(answer) == (403, "auth.permission_denied")
        assert answer.json()["required_permission"] == "billing.add_tariff"

    def test_are_in_the_books_by_name(self, boris: User) -> None:
        operator = colleague("operator")
        body = {"user": str(boris.pk), "tokens": 5, "reason": "An apology"}
        assert operator.post("grants", body, key="k").status_code == 201
        log = AuditLog.objects.get(action="billing.grant.given")
        assert (log.user_id, log.actor["label"]) == (operator.user.pk, operator.user.login)

    def test_are_customers_where_they_have_no_right(self, boris: User) -> None:
        """Somebody who works here and buys here is a customer of their own, and of nobody else's."""
        viewer = colleague("viewer")
        WalletFactory.create(user=viewer.user)
        tariff = TariffFactory.create().slug
        assert viewer.post("invoices", {"tariff": tariff}, key="k").json()["user"] == str(viewer.user.pk)
        assert viewer.post("invoices", {"tariff": tariff, "user": str(boris.pk)}, key="l").status_code == 404


def queries(ask: Callable[[], Answer], *, status: int = 200) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == status
    asked = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in asked if "SET " not in sql and "set_config" not in sql]


class TestWhatAPersonCosts:
    def test_is_one_query_for_the_session_and_who_it_is(self, anna: Person) -> None:
        TariffFactory.create()
        server = Caller("billing:read")
        server.get("tariffs")
        assert len(queries(lambda: server.get("tariffs"))) == 1
        session, _tariffs = queries(lambda: anna.get("tariffs"))
        assert "accounts_session" in session
        assert "accounts_user" in session

    @pytest.mark.parametrize("role", ["superadmin", "viewer"])
    def test_is_one_more_for_the_permission_of_staff(self, role: str) -> None:
        TariffFactory.create()
        asker = colleague(role)
        _session, permission, _tariffs = queries(lambda: asker.get("tariffs"))
        assert "auth_permission" in permission

    def test_is_nothing_more_for_looking_whose_an_invoice_is(self, anna: Person, wallet: Wallet) -> None:
        invoice = InvoiceFactory.create(wallet=wallet)
        assert len(queries(lambda: anna.get(f"invoices/{invoice.pk}"))) == 2
        assert len(queries(lambda: anna.get("invoices"))) == 2

    def test_is_nothing_for_others_things_that_an_address_names(self, anna: Person) -> None:
        other = UserFactory.create()
        (session,) = queries(lambda: anna.get(f"users/{other.pk}/wallet"), status=404)
        assert "accounts_session" in session
