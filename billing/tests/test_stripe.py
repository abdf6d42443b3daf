"""Stripe over real HTTP, on good days and on bad ones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import requests
from django.test import override_settings

from audit.models import AdminAlert
from billing import errors
from billing.gateways import providers
from billing.gateways.provider import ProviderUnavailable
from billing.models import Announcement, Checkout, Dispute, Invoice, Payment, PaymentEvent, Refund
from billing.operations import checkouts, refunds
from billing.rules.payment_events import Kind
from billing.tests import deeds
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, new_key
from billing.tests.tills import WEBHOOK_SECRET, StripeTill, send, stripe
from conftest import TestClock
from core.jobs import drain
from core.money import Money
from scripts.fakes.stripe_signing import signed

# What an operation refuses rolls its own transaction back, not the test's.
pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def till() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


def state(invoice: Invoice) -> str:
    invoice.refresh_from_db()
    return invoice.status


def tokens(invoice: Invoice) -> int:
    return deeds.shown(invoice.wallet)[0]


def give_back(payment: Payment, policy: Refund.Policy = Refund.Policy.FULL) -> Refund:
    made = refunds.issue(payment_id=payment.pk, policy=policy, reason="They asked", key=new_key(), by=TESTER).refund
    drain.run_due()
    made.refresh_from_db()
    return made


def alerts() -> set[str]:
    return {each.partition(":")[0] for each in AdminAlert.objects.values_list("fingerprint", flat=True)}


class TestPaying:
    def test_credits_once_however_often_it_is_told(self, till: StripeTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        assert checkout.url == f"{till.house.address}/stripe/till/{checkout.provider_payment_id}"

        till.do("pay", session=checkout.provider_payment_id)
        assert set(till.deliver(repeat=3)) == {200}

        assert (state(invoice), tokens(invoice)) == ("paid", 50)
        assert PaymentEvent.objects.filter(kind=Kind.SUCCEEDED).count() == 1
        assert PaymentEvent.objects.filter(kind=Kind.NOTICE).count() == 3
        payment = Payment.objects.get()
        assert (payment.amount, payment.currency, payment.outcome) == (14_900, "RUB", "credited")
        assert alerts() == set()
        assert not any("client_secret" in event.payload for event in PaymentEvent.objects.exclude(kind=Kind.NOTICE))

    def test_asks_for_what_the_invoice_asks(self, till: StripeTill) -> None:
        tariff = TariffFactory.create(subscription_days=30, name="A month", description="All of it")
        invoice = InvoiceFactory.create(tariff=tariff)
        checkout = checkouts.start(
            invoice_id=invoice.pk, provider="stripe", return_url="https://shop.example/thanks", by=TESTER
        )
        (call,) = till.house.calls("POST /stripe/v1/checkout/sessions")
        session = till.stripe.account.kept["checkout.session"][checkout.provider_payment_id]
        assert (session["amount_total"], session["currency"]) == (14_900, "rub")
        assert session["success_url"] == "https://shop.example/thanks"
        assert session["_title"] == "A month"
        assert session["_of_payment"] == {
            "metadata": {"invoice": str(invoice.pk)},
            "setup_future_usage": "off_session",
        }
        assert call.headers["idempotency-key"] == str(checkout.key)

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_events_may_come_in_any_order(self, till: StripeTill, order: tuple[int, ...]) -> None:
        invoice = InvoiceFactory.create()
        till.do("pay", session=till.begun(invoice).provider_payment_id)
        told = till.told()
        for place in (*order, *order):
            assert send(*told[place]) == 200
            drain.run_due()
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_comes_by_asking_where_nothing_is_told(self, till: StripeTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = till.begun(invoice)
        assert checkouts.sweep(by=TESTER) == 1
        assert state(invoice) == "pending"
        till.do("pay", session=checkout.provider_payment_id)
        checkouts.sweep(by=TESTER)
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_of_which_stripe_knows_nothing_does_nothing_and_is_alerted_once(self, till: StripeTill) -> None:
        """W03."""
        invoice = InvoiceFactory.create()
        till.begun(invoice)
        for number in range(2):
            payment = {"object": "payment_intent", "id": f"pi_of_others_{number}"}
            event = {"id": f"evt_{number}", "type": "payment_intent.succeeded", "data": {"object": payment}}
            body = json.dumps(event).encode()
            assert send(body, signed(body, WEBHOOK_SECRET)) == 200
        drain.run_due()
        assert (state(invoice), tokens(invoice)) == ("pending", 0)
        alert = AdminAlert.objects.get()
        assert (alert.fingerprint, alert.count) == ("billing.notice_of_nothing:stripe", 2)

    def test_of_another_amount_is_kept_and_alerted(self, till: StripeTill) -> None:
        invoice = InvoiceFactory.create()
        till.house.script("POST /stripe/v1/checkout/sessions", kind="wrong_amount", by=1)
        till.do("pay", session=till.begun(invoice).provider_payment_id)
        till.deliver()
        assert (state(invoice), tokens(invoice)) == ("pending", 0)
        assert alerts() == {"billing.payment_mismatch"}

    def test_with_play_money_credits_nothing_unless_it_is_said_to(self, till: StripeTill) -> None:
        invoice = InvoiceFactory.create()
        till.do("pay", session=till.begun(invoice).provider_payment_id, changes={"livemode": False})
        till.deliver()
        assert (state(invoice), tokens(invoice)) == ("pending", 0)
        assert alerts() == {"billing.payment_is_test"}
        with override_settings(PAYMENTS_ACCEPT_TEST=True):
            assert till.paid(livemode=False).outcome == "credited"

    def test_is_done_by_a_person_at_the_till(self, till: StripeTill) -> None:
        invoice = InvoiceFactory.create()
        checkout = checkouts.start(
            invoice_id=invoice.pk, provider="stripe", return_url="https://shop.example/thanks", by=TESTER
        )
        assert "149.00 ₽" in requests.get(checkout.url, timeout=5).text
        left = requests.post(f"{checkout.url}/pay", timeout=5, allow_redirects=False)
        assert (left.status_code, left.headers["Location"]) == (303, "https://shop.example/thanks")
        till.deliver()
        assert state(invoice) == "paid"


class TestBadDays:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "drop"},
            {"kind": "html", "status": 502},
            {"kind": "html", "status": 404},
            {"kind": "truncate"},
            {"kind": "huge"},
            {"kind": "status", "status": 500},
            {"kind": "status", "status": 429},
            {"kind": "status", "status": 401},
        ],
        ids=str,
    )
    def test_an_order_that_nobody_answered_is_asked_for_with_the_same_key(
        self, till: StripeTill, fault: dict[str, Any]
    ) -> None:
        till.house.script("POST /stripe/v1/checkout/sessions", **fault)
        invoice = InvoiceFactory.create()
        with pytest.raises(errors.ProviderNotAvailable):
            till.begun(invoice)
        checkout = till.begun(invoice)
        first, second = till.house.calls("POST /stripe/v1/checkout/sessions")
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == str(checkout.key)
        assert len(till.stripe.account.kept["checkout.session"]) == 1

    def test_an_order_that_is_refused_is_not_asked_for_again(self, till: StripeTill) -> None:
        till.house.script("POST /stripe/v1/checkout/sessions", kind="status", status=400, says="No roubles here")
        with pytest.raises(errors.ProviderNotOffered):
            till.begun()
        assert Checkout.objects.get().answered_at is None

    def test_a_payment_of_which_nobody_could_ask_is_asked_for_later(self, till: StripeTill, clock: TestClock) -> None:
        invoice = InvoiceFactory.create()
        till.do("pay", session=till.begun(invoice).provider_payment_id)
        till.house.script("GET /stripe/v1/payment_intents", kind="html", status=502, times=3)
        till.deliver()
        assert state(invoice) == "pending"
        clock.advance(minutes=30)
        drain.run_due()
        assert (state(invoice), tokens(invoice)) == ("paid", 50)


class TestRefunds:
    def test_send_back_what_the_desk_says(self, till: StripeTill) -> None:
        payment = till.paid()
        refund = give_back(payment)
        (made,) = till.stripe.account.kept["refund"].values()
        assert (refund.state, refund.provider_refund_id, made["amount"]) == ("succeeded", made["id"], 14_900)
        till.deliver(repeat=2)
        assert (state(payment.invoice), tokens(payment.invoice)) == ("refunded", 0)
        assert Refund.objects.count() == 1

    def test_send_back_a_part(self, till: StripeTill) -> None:
        payment = till.paid()
        deeds.charge(payment.invoice.wallet, 30)
        give_back(payment, Refund.Policy.UNSPENT)
        (made,) = till.stripe.account.kept["refund"].values()
        assert made["amount"] == 5_960
        assert state(payment.invoice) == "partially_refunded"

    def test_that_are_refused_give_the_tokens_back(self, till: StripeTill) -> None:
        payment = till.paid()
        till.do("refuse_refunds", reason="insufficient_funds")
        refund = give_back(payment)
        assert (refund.state, refund.failure) == ("failed", "insufficient_funds")
        assert (state(payment.invoice), tokens(payment.invoice)) == ("paid", 50)
        assert alerts() == {"billing.refund_failed"}

    @pytest.mark.parametrize("hours", [1, 30])
    def test_of_which_nobody_knows_are_sent_again_and_done_once(
        self, till: StripeTill, clock: TestClock, hours: int
    ) -> None:
        payment = till.paid()
        till.house.script("POST /stripe/v1/refunds", kind="drop")
        refund = give_back(payment)
        assert refund.state == "pending"
        if hours > 24:
            till.stripe.forget_keys()
        clock.advance(hours=hours)
        drain.run_due()
        refund.refresh_from_db()
        assert refund.state == "succeeded"
        assert len(till.stripe.account.kept["refund"]) == 1

    def test_that_were_made_in_the_dashboard_meanwhile_are_no_error(self, till: StripeTill) -> None:
        payment = till.paid()
        till.do("refund", payment=payment.provider_payment_id)
        refund = give_back(payment)
        assert refund.state == "succeeded"
        till.deliver()
        assert Refund.objects.count() == 1
        assert tokens(payment.invoice) == 0

    def test_whose_money_comes_back_are_none_and_can_be_made_again(self, till: StripeTill) -> None:
        payment = till.paid()
        deeds.charge(payment.invoice.wallet, 30)
        refund = give_back(payment)
        wallet = payment.invoice.wallet
        wallet.refresh_from_db()
        assert (tokens(payment.invoice), wallet.debt_tokens) == (0, 30)
        till.do("fail_refund", refund=refund.provider_refund_id, reason="lost_or_stolen_card", times=2)
        till.deliver(reverse=True)
        refund.refresh_from_db()
        payment.refresh_from_db()
        wallet.refresh_from_db()
        assert (refund.state, refund.failure) == ("failed", "lost_or_stolen_card")
        assert (payment.status, payment.refunded_amount, state(payment.invoice)) == ("succeeded", 0, "paid")
        assert (tokens(payment.invoice), wallet.debt_tokens) == (20, 0)
        assert alerts() == {"billing.refund_failed"}
        assert Announcement.objects.filter(type="payment.refund_failed").count() == 1
        again = give_back(payment)
        assert (again.state, tokens(payment.invoice)) == ("succeeded", 0)

    def test_that_take_their_time_are_told_later(self, till: StripeTill) -> None:
        payment = till.paid()
        till.do("hold_refunds")
        refund = give_back(payment)
        assert refund.state == "pending"
        till.do("finish_refund", refund=next(iter(till.stripe.account.kept["refund"])))
        till.deliver()
        refund.refresh_from_db()
        assert refund.state == "succeeded"

    def test_made_in_the_dashboard_take_their_tokens_back(self, till: StripeTill) -> None:
        payment = till.paid()
        till.do("refund", payment=payment.provider_payment_id, amount=2_980)
        till.deliver(repeat=2, reverse=True)
        refund = Refund.objects.get()
        assert (refund.origin, refund.amount, refund.tokens_reversed) == ("provider", 2_980, 10)
        assert tokens(payment.invoice) == 40


class TestDisputes:
    @pytest.mark.parametrize(
        ("verdict", "left", "status"), [("won", 50, "succeeded"), ("lost", 0, "charged_back")], ids=["won", "lost"]
    )
    def test_come_to_their_verdict_in_any_order(self, till: StripeTill, verdict: str, left: int, status: str) -> None:
        payment = till.paid()
        dispute = till.do("dispute", payment=payment.provider_payment_id)
        till.do("judge", dispute=dispute["id"], verdict=verdict)
        till.deliver(repeat=2, reverse=True)
        payment.refresh_from_db()
        assert (payment.status, tokens(payment.invoice)) == (status, left)
        assert Dispute.objects.get().state == verdict

    def test_freeze_what_is_left_while_they_last(self, till: StripeTill) -> None:
        payment = till.paid()
        dispute = till.do("dispute", payment=payment.provider_payment_id)
        till.deliver()
        payment.refresh_from_db()
        assert payment.status == "disputed"
        assert deeds.shown(payment.invoice.wallet)[1] == 0
        till.do("judge", dispute=dispute["id"], verdict="won")
        till.deliver()
        assert deeds.shown(payment.invoice.wallet)[1] == 50

    def test_and_refunds_take_back_once(self, till: StripeTill) -> None:
        payment = till.paid()
        deeds.charge(payment.invoice.wallet, 30)
        till.do("refund", payment=payment.provider_payment_id)
        dispute = till.do("dispute", payment=payment.provider_payment_id)
        till.do("judge", dispute=dispute["id"], verdict="lost")
        till.deliver(reverse=True)
        payment.invoice.wallet.refresh_from_db()
        assert (payment.invoice.wallet.token_balance, payment.invoice.wallet.debt_tokens) == (0, 30)

    def test_that_are_questions_only_take_nothing(self, till: StripeTill) -> None:
        payment = till.paid()
        till.do("dispute", payment=payment.provider_payment_id, is_inquiry=True)
        till.deliver()
        assert not Dispute.objects.exists()
        assert tokens(payment.invoice) == 50


class TestAgreements:
    def saved(self, till: StripeTill) -> str:
        till.paid(InvoiceFactory.create(tariff=TariffFactory.create(subscription_days=30)))
        agreement = PaymentEvent.objects.get(kind=Kind.SUCCEEDED).details["agreement"]
        assert isinstance(agreement, str)
        return agreement

    def test_pay_renewals_once_where_nobody_answered(self, till: StripeTill) -> None:
        agreement = self.saved(till)
        invoice = InvoiceFactory.create()
        for_it: dict[str, Any] = {"invoice_id": invoice.pk, "provider": "stripe", "agreement": agreement}
        till.house.script("POST /stripe/v1/payment_intents", kind="drop")
        with pytest.raises(ProviderUnavailable):
            checkouts.charge(**for_it, by=TESTER)
        checkouts.charge(**for_it, by=TESTER)
        assert len(till.stripe.account.kept["payment_intent"]) == 2
        assert (state(invoice), tokens(invoice)) == ("paid", 50)

    def test_that_a_bank_declines_are_refused_with_its_word(self, till: StripeTill) -> None:
        agreement = self.saved(till)
        till.do("decline_card", method=agreement.partition(":")[2])
        invoice = InvoiceFactory.create()
        with pytest.raises(errors.ProviderNotOffered) as refusal:
            checkouts.charge(invoice_id=invoice.pk, provider="stripe", agreement=agreement, by=TESTER)
        assert refusal.value.detail == "stolen_card"
        assert state(invoice) == "pending"


def test_its_books_say_what_is_said_elsewhere(till: StripeTill) -> None:
    payment = till.paid()
    till.paid()
    give_back(payment)
    dispute = till.do("dispute", payment=Payment.objects.exclude(pk=payment.pk).get().provider_payment_id)
    till.do("judge", dispute=dispute["id"], verdict="lost")
    till.deliver()
    movements = list(providers.get("stripe").movements(LONG_AGO))
    told = {(each.provider_event_id, each.direction): each.money for each in PaymentEvent.objects.all()}
    assert len(movements) == 5
    assert {each.identity: each.fact.amount for each in movements}.items() <= told.items()
    assert Money(14_900, "RUB") in {each.fact.amount for each in movements}
