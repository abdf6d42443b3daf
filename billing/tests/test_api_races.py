"""Many servers at one moment, over real HTTP: gunicorn, a connection each, one PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from pytest_django import DjangoDbBlocker

from accounts.tests.factories import api_key_header
from audit.models import AdminAlert
from billing.models import Payment, PromoCode, PromoRedemption, Transaction, Wallet
from billing.tests.callers import ALL_SCOPES, PROBLEM
from billing.tests.deeds import assert_books_are_true, booked, ledger
from billing.tests.factories import HoldFactory, InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory
from billing.tests.factories import funded_wallet as funded
from billing.tests.races import without
from billing.tests.servers import Reply, Server, at_once, web_server

pytestmark = pytest.mark.django_db(transaction=True)

KEY: Final = "billing_transaction_key_is_unique_per_wallet"


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    with django_db_blocker.unblock(), web_server() as started:
        yield started


@pytest.fixture
def key() -> Mapping[str, str]:
    """The header of a bot's server."""
    return api_key_header(*ALL_SCOPES)


def charges(server: Server, wallet: Wallet, key: Mapping[str, str], *idempotency_keys: str) -> list[Reply]:
    """Charges of one token, all at once."""
    body = {"user": str(wallet.user_id), "tokens": 1}
    return at_once(
        [
            server.prepared("POST", "/api/v1/charges", body, headers={**key, "Idempotency-Key": each})
            for each in idempotency_keys
        ],
        at=wallet,
    )


def statuses(replies: list[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


class TestTheLastToken:
    def test_goes_to_one_of_32(self, server: Server, key: Mapping[str, str]) -> None:
        wallet = funded(tokens=1)

        replies = charges(server, wallet, key, *(f"k{number}" for number in range(32)))

        assert statuses(replies) == {201: 1, 402: 31}
        for reply in replies:
            if reply.status == 402:
                problem = reply.json()
                assert reply.headers["Content-Type"] == PROBLEM
                assert (problem["code"], problem["required"], problem["available"]) == (
                    "billing.insufficient_tokens",
                    1,
                    0,
                )
        assert ledger(wallet) == [("grant", 1, 1), ("charge", -1, 0)]
        assert_books_are_true(wallet)

    def test_would_be_one_of_many_where_there_are_many(self, server: Server, key: Mapping[str, str]) -> None:
        """The control: it is the balance that refuses them, and nothing about their number."""
        wallet = funded(tokens=32)
        replies = charges(server, wallet, key, *(f"k{number}" for number in range(32)))
        assert statuses(replies) == {201: 32}
        assert sorted(reply.json()["balance_after"] for reply in replies) == list(range(32))
        assert_books_are_true(wallet)


class TestOneKey:
    def test_sent_50_times_at_once_is_one_charge_and_50_equal_answers(
        self, server: Server, key: Mapping[str, str]
    ) -> None:
        wallet = funded(tokens=50)

        replies = charges(server, wallet, key, *["the same"] * 50)

        assert statuses(replies) == {201: 50}
        assert {reply.body for reply in replies} == {replies[0].body}
        replayed = Counter(reply.headers.get("Idempotency-Replayed") for reply in replies)
        assert replayed == {None: 1, "true": 49}
        assert ledger(wallet) == [("grant", 50, 50), ("charge", -1, 49)]
        assert_books_are_true(wallet)

    def test_would_charge_more_than_once_without_its_guard(self, server: Server, key: Mapping[str, str]) -> None:
        """The negative control."""
        wallet = funded(tokens=50)
        with without("billing_transaction", KEY):
            replies = charges(server, wallet, key, *["the same"] * 8)
            charged = Transaction.objects.filter(wallet=wallet, type="charge").count()
        assert statuses(replies) == {201: 8}
        assert charged > 1


def test_a_code_for_ten_gives_ten_of_50_customers_their_invoice(server: Server, key: Mapping[str, str]) -> None:
    code = PromoCodeFactory.create(max_uses=10)
    tariff = TariffFactory.create().slug
    customers = [str(WalletFactory.create().user_id) for _number in range(50)]

    replies = at_once(
        [
            server.prepared(
                "POST",
                "/api/v1/invoices",
                {"user": user, "tariff": tariff, "promo_code": code.code},
                headers={**key, "Idempotency-Key": f"order of {user}"},
            )
            for user in customers
        ],
        at=code,
    )

    assert statuses(replies) == {201: 10, 409: 40}
    assert {reply.json()["code"] for reply in replies if reply.status == 409} == {"billing.promo_code_exhausted"}
    assert PromoCode.objects.get().uses_count == PromoRedemption.objects.filter(state="reserved").count() == 10


def test_one_payment_reported_16_times_at_once_is_credited_once(server: Server, key: Mapping[str, str]) -> None:
    invoice = InvoiceFactory.create()
    body = {
        "provider": "manual",
        "provider_payment_id": "receipt",
        "amount": {"amount": invoice.amount, "currency": "RUB"},
    }

    replies = at_once(
        [
            server.prepared(
                "POST",
                f"/api/v1/invoices/{invoice.pk}/payments",
                body,
                headers={**key, "Idempotency-Key": f"k{number}"},
            )
            for number in range(16)
        ],
        at=invoice.wallet,
    )

    assert statuses(replies) == {201: 16}
    assert len({reply.body for reply in replies}) == 1
    assert Payment.objects.count() == 1
    assert ledger(invoice.wallet) == [("purchase", 50, 50)]


def test_16_payments_of_one_invoice_at_once_are_one_credit_and_15_kept(server: Server, key: Mapping[str, str]) -> None:
    invoice = InvoiceFactory.create()
    amount = {"amount": invoice.amount, "currency": "RUB"}

    replies = at_once(
        [
            server.prepared(
                "POST",
                f"/api/v1/invoices/{invoice.pk}/payments",
                {"provider": "manual", "provider_payment_id": f"receipt-{number}", "amount": amount},
                headers={**key, "Idempotency-Key": f"k{number}"},
            )
            for number in range(16)
        ],
        at=invoice.wallet,
    )

    assert Counter(reply.json()["outcome"] for reply in replies) == {"credited": 1, "surplus": 15}
    assert ledger(invoice.wallet) == [("purchase", 50, 50)]
    assert AdminAlert.objects.count() == 15


def test_a_hold_is_captured_or_released_by_one_of_16(server: Server, key: Mapping[str, str]) -> None:
    hold = HoldFactory.create(tokens=10)

    replies = at_once(
        [
            server.prepared(
                "POST",
                f"/api/v1/holds/{hold.pk}/{'capture' if number % 2 else 'release'}",
                headers={**key, "Idempotency-Key": f"k{number}"},
            )
            for number in range(16)
        ],
        at=hold.wallet,
    )

    hold.refresh_from_db()
    if hold.state == "captured":
        assert statuses(replies) == {200: 1, 409: 15}
        assert booked(hold.wallet) == (90, 0, 2)
    else:
        # Releasing what is released changes nothing, and is no refusal.
        assert statuses(replies) == {200: 8, 409: 8}
        assert booked(hold.wallet) == (100, 0, 1)
    assert_books_are_true(hold.wallet)


def test_one_order_sent_16_times_at_once_is_one_invoice(server: Server, key: Mapping[str, str]) -> None:
    wallet = WalletFactory.create()
    body = {"user": str(wallet.user_id), "tariff": TariffFactory.create().slug}
    headers = {**key, "Idempotency-Key": "order"}

    replies = at_once(
        [server.prepared("POST", "/api/v1/invoices", body, headers=headers) for _time in range(16)], at=wallet
    )

    assert statuses(replies) == {201: 16}
    assert len({reply.body for reply in replies}) == 1
