"""Payments and refunds over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import StaffFactory, bearer_header
from billing.models import Payment, Refund, Wallet
from billing.operations import charges
from billing.owners import Owner
from billing.tests.callers import Answer, Caller
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    TariffFactory,
    brought,
    company_wallet,
    new_key,
)
from billing.tests.facts import tell, told_of
from billing.tests.payment_factories import AnnouncedPaymentFactory, RefundFactory
from core.api.moments import as_rfc3339
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def refund(payment: Payment, *, key: str = "k", path: str = "refunds", **body: Any) -> Answer:
    told = {"policy": "full", **({} if path.endswith("preview") else {"reason": "Bought twice"}), **body}
    return Caller("payments:write").post(f"payments/{payment.pk}/{path}", told, key=key)


def spent(tokens: int) -> Payment:
    payment = PaymentFactory.create()
    charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=tokens, key=new_key(), by=TESTER)
    return payment


class TestReading:
    def test_lists_the_newest_first_and_narrows(self) -> None:
        older, newer = PaymentFactory.create(), AnnouncedPaymentFactory.create()
        ids = [row["id"] for row in Caller("billing:read").get("payments").json()["results"]]
        assert ids == [str(newer.pk), str(older.pk)]
        pending = Caller("billing:read").get("payments", status="pending").json()["results"]
        assert [(row["id"], row["outcome"], row["arrived_at"]) for row in pending] == [(str(newer.pk), "awaited", None)]
        assert {row["company"] for row in pending} == {None}
        of_one = Caller("billing:read").get("payments", user=str(older.invoice.wallet.user_id)).json()["results"]
        assert [row["id"] for row in of_one] == [str(older.pk)]

    def test_tells_companies_apart(self) -> None:
        one, other = (
            PaymentFactory.create(invoice=InvoiceFactory.create(wallet=company_wallet(), tariff=tariff))
            for tariff in TariffFactory.create_batch(2, audience="company")
        )
        persons = PaymentFactory.create()
        company = str(one.invoice.wallet.company_id)
        server = Caller("billing:read")
        (row,) = server.get("payments", company=company).json()["results"]
        assert (row["id"], row["user"], row["company"]) == (str(one.pk), None, company)
        assert server.get(f"payments/{other.pk}").json()["company"] == str(other.invoice.wallet.company_id)
        for asked in ({"company": str(uuid7())}, {"company": company, "user": str(persons.invoice.wallet.user_id)}):
            assert server.get("payments", **asked).json()["results"] == []
        assert server.get("payments", company="7").json()["errors"].keys() == {"company"}

    def test_shows_everything_that_was_said_in_its_order(self) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.refunded(4_900), of.succeeded(), of.created())
        answer = Caller("billing:read").get(f"payments/{Payment.objects.get().pk}").json()
        assert [event["kind"] for event in answer["events"]] == ["created", "succeeded", "refunded"]
        assert answer["status"] == "partially_refunded"
        assert answer["refunded"] == {"amount": 4_900, "currency": "RUB"}
        assert answer["events"][2]["reference"] == "refund-1"

    def test_an_unknown_one_is_not_found(self) -> None:
        answer = Caller("billing:read").get(f"payments/{uuid7()}")
        assert (answer.status_code, answer.json()["code"]) == (404, "billing.payment_not_found")


@pytest.mark.django_db(transaction=True)
class TestRefunding:
    def test_answers_what_went_back(self) -> None:
        payment = spent(30)
        answer = refund(payment)
        made = Refund.objects.get()
        assert answer.status_code == 201
        assert answer.json() | {"created_at": None} == {
            "id": str(made.pk),
            "payment": str(payment.pk),
            "amount": {"amount": 14_900, "currency": "RUB"},
            "tokens_reversed": 20,
            "shortfall_tokens": 30,
            "policy": "full",
            "status": "succeeded",
            "reason": "Bought twice",
            "created_at": None,
        }

    def test_the_same_key_answers_the_same(self) -> None:
        payment = spent(30)
        server = Caller("payments:write")
        body = {"policy": "unspent", "reason": "Bought twice"}
        first, second = (server.post(f"payments/{payment.pk}/refunds", body, key="k") for _time in range(2))
        assert second.content == first.content
        assert second["Idempotency-Replayed"] == "true"
        assert Refund.objects.count() == 1

    def test_a_part_goes_back(self) -> None:
        payment = PaymentFactory.create()
        answer = refund(payment, policy="goodwill", amount={"amount": 100, "currency": "RUB"})
        assert answer.json()["amount"] == {"amount": 100, "currency": "RUB"}

    def test_the_preview_computes_and_moves_nothing(self) -> None:
        payment = spent(30)
        answer = refund(payment, path="refunds/preview", policy="unspent")
        assert answer.status_code == 200
        assert answer.json() == {
            "policy": "unspent",
            "amount": {"amount": 5_960, "currency": "RUB"},
            "refundable": {"amount": 14_900, "currency": "RUB"},
            "tokens_left": 20,
            "tokens_spent": 30,
            "tokens_expired": 0,
            "tokens_reversed": 20,
            "shortfall_tokens": 0,
            "days_used": 0,
            "days_bought": 0,
            "promo_code": None,
            "period": None,
            "referral": None,
            "refunds_parts": True,
        }
        assert not Refund.objects.exists()

    def test_the_preview_tells_of_the_period_and_the_reward(self) -> None:
        referral = brought()
        wallet = Wallet.objects.get(user=referral.referred)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=PlanFactory.create(tokens=100))
        payment = PaymentFactory.create(invoice=invoice)
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=invoice.tariff))
        period = invoice.subscription_periods.get()
        lies = {"starts_at": as_rfc3339(period.starts_at), "ends_at": as_rfc3339(period.ends_at)}
        earned = {"referrer": str(referral.referrer_id), "reward_tokens": 10}
        part = {"amount": {"amount": 100, "currency": "RUB"}}
        for body, on_period, on_referral in (
            ({}, {"effect": "removed", "moved_up": 1}, "not_given"),
            ({"policy": "unspent"}, {"effect": "removed", "moved_up": 1}, "not_given"),
            ({"policy": "goodwill", **part}, {"effect": "stays", "moved_up": 0}, "stays"),
        ):
            answer = refund(payment, path="refunds/preview", **body).json()
            assert answer["period"] == {**lies, **on_period}
            assert answer["referral"] == {**earned, "effect": on_referral}

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"amount": {"amount": 14_901, "currency": "RUB"}}, 409, "billing.refund_exceeds_payment"),
            (
                {"policy": "unspent", "amount": {"amount": 1, "currency": "RUB"}},
                400,
                "billing.refund_amount_not_yours",
            ),
            ({"policy": "all"}, 400, "common.validation_error"),
            ({"reason": ""}, 400, "common.validation_error"),
        ],
    )
    def test_says_why_not(self, body: dict[str, Any], status: int, code: str) -> None:
        answer = refund(PaymentFactory.create(), **body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert not Refund.objects.exists()

    def test_of_what_is_not_here(self) -> None:
        assert refund(AnnouncedPaymentFactory.create()).json()["code"] == "billing.payment_not_captured"
        gone = RefundFactory.create().payment
        assert refund(gone).json()["code"] == "billing.payment_not_captured"

    def test_of_what_was_used_up(self) -> None:
        assert refund(spent(50), policy="unspent").json()["code"] == "billing.nothing_to_refund"

    def test_of_what_is_contested(self) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.succeeded(), of.opened())
        assert refund(Payment.objects.get()).json()["code"] == "billing.payment_disputed"

    def test_needs_the_second_factor_of_colleagues(self, settings: Any) -> None:
        settings.REQUIRE_STAFF_2FA = True
        payment = PaymentFactory.create()
        client = Client(headers=bearer_header(StaffFactory.create(role="operator")))
        answer: Any = client.post(
            f"/api/v1/payments/{payment.pk}/refunds",
            {"policy": "full", "reason": "Bought twice"},
            content_type="application/json",
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status_code in {401, 403}
        assert not Refund.objects.exists()
