"""The refund desk in Admin: everything said beforehand, confirmed to the kopeck, done once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from accounts.tests.phones import enrolled
from audit.models import AuditLog
from billing.models import Payment, Refund, Wallet
from billing.operations import charges, referrals
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.deeds import assert_books_are_true, booked
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    TariffFactory,
    brought,
    new_key,
)
from billing.tests.facts import refund_on_its_way, tell, told_of
from billing.tests.operators import Operator, deed_of, errors_of, list_of, page_of, told
from billing.tests.payment_factories import RefundFactory
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core.models import Job

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


def bought(*, spend: int = 0) -> Payment:
    """A payment of 149 ₽ for 50 tokens, some of them spent."""
    payment: Payment = PaymentFactory.create()
    if spend:
        charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=spend, key=new_key(), by=TESTER)
    return payment


def confirmed(operator: Operator, payment: Payment, **typed: object) -> dict[str, object]:
    """What the page with the exact sum would send."""
    asked = operator.do(payment, "refund", **{"policy": "full", "reason": "Bought twice", **typed})
    return operator.filled(asked)


def options(answer: Any) -> dict[str, tuple[list[str], str]]:
    """What each policy is said to do: its figures, and why it cannot be."""
    return {
        each.policy: ([str(value) for _name, value in each.figures], each.why_not)
        for each in answer.context["form"].choices()
    }


class TestBeforehand:
    def test_shows_what_each_policy_would_do(self, operator: Operator) -> None:
        answer = operator.open(deed_of(bought(spend=30), "refund"))
        assert options(answer) == {
            "full": (["149\u00a0₽", "20", "30"], ""),
            "unspent": (["59,60\u00a0₽", "20", "—"], ""),
            "goodwill": (["149\u00a0₽", "0", "—"], ""),
        }
        known = {str(name): str(value) for name, value in answer.context["form"].known()}
        assert known["tokens of this purchase left"] == "20"
        assert known["tokens of it spent"] == "30"
        assert known["the provider refunds"] == "whole or in parts"

    def test_shows_the_days_and_the_code(self, operator: Operator, clock: TestClock) -> None:
        code = PromoCodeFactory.create()
        invoice = InvoiceFactory.create(promo_code=code, tariff=TariffFactory.create(subscription_days=30))
        payment = PaymentFactory.create(invoice=invoice)
        clock.advance(days=12)
        operator.client.force_login(operator.user)
        answer = operator.open(deed_of(payment, "refund"))
        known = {str(name): str(value) for name, value in answer.context["form"].known()}
        assert known["days of the subscription used"] == "12 of 30"
        assert code.code in known["promo code, whose use is not given back"]

    def test_shows_what_happens_to_the_period_and_the_reward(self, operator: Operator) -> None:
        referral = brought()
        wallet = Wallet.objects.get(user=referral.referred)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=PlanFactory.create(tokens=100))
        payment = PaymentFactory.create(invoice=invoice)
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=invoice.tariff))
        deeds.charge(wallet, 1)

        answer = operator.open(deed_of(payment, "refund"))

        found = {policy: figures[3:] for policy, (figures, _why) in options(answer).items()}
        gone = "is taken back; 1 later one moves up"
        assert found == {
            "full": [gone, "is never given"],
            "unspent": [gone, "stays"],
            "goodwill": [gone, "is never given"],
        }
        known = {str(name): str(value) for name, value in answer.context["form"].known()}
        assert page_of(referral.referrer) in known["referrer and reward"]
        assert "10 tokens" in known["referrer and reward"]
        assert "paid, the reward waits" in known["referrer and reward"]
        assert known["the paid period"].count("<time") == 2
        asked = operator.do(payment, "refund", policy="goodwill", amount="1", reason="Half of it")
        assert [str(value) for _name, value in asked.context["confirming"]["figures"]][3:] == ["stays", "stays"]

    def test_asks_anew_when_the_reward_was_given_meanwhile(self, operator: Operator, clock: TestClock) -> None:
        referral = brought()
        wallet = Wallet.objects.get(user=referral.referred)
        tariff = TariffFactory.create(tokens=100)
        payment = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff))
        filled = confirmed(operator, payment)
        clock.advance(days=30)
        referrals.sweep(by=TESTER)
        operator.client.force_login(operator.user)
        before = snapshot().get("billing_refund")
        answer = operator.resend(deed_of(payment, "refund"), filled)
        figures = [str(value) for _name, value in answer.context["confirming"]["figures"]]
        assert figures[3:] == ["goes back; what was spent of it becomes a debt"]
        assert snapshot().get("billing_refund") == before

    def test_says_why_a_policy_cannot_be(self, operator: Operator) -> None:
        answer = operator.open(deed_of(bought(spend=50), "refund"))
        assert options(answer)["unspent"] == ([], "Nothing is left to refund by this policy.")
        assert "Nothing is left to refund by this policy." in answer.content.decode()

    def test_says_why_none_can_be(self, operator: Operator) -> None:
        payment = RefundFactory.create().payment
        found = options(operator.open(deed_of(payment, "refund")))
        assert {why for _figures, why in found.values()} == {"No money of this payment is here to go back."}
        assert deed_of(payment, "refund") not in operator.page(payment).content.decode()

    def test_moves_nothing(self, operator: Operator) -> None:
        payment = bought(spend=30)
        before = snapshot()
        operator.open(deed_of(payment, "refund"))
        asked = operator.do(payment, "refund", policy="full", reason="Bought twice")
        assert asked.context["submit_label"] == "Send back 149\u00a0₽"
        assert snapshot() == before


class TestDoing:
    def test_sends_back_what_was_confirmed(self, operator: Operator) -> None:
        payment = bought(spend=30)
        answer = operator.resend(deed_of(payment, "refund"), confirmed(operator, payment, policy="unspent"))

        assert told(answer) == [("success", "59,60\u00a0₽ went back.")]
        refund = Refund.objects.get()
        assert (refund.amount, refund.tokens_reversed, refund.shortfall_tokens) == (5_960, 20, 0)
        assert (refund.reason, refund.actor["id"]) == ("Bought twice", str(operator.user.pk))
        log = AuditLog.objects.get(action="billing.refund.issued")
        assert log.metadata["reason"] == "Bought twice"
        assert_books_are_true(payment.invoice.wallet)

    def test_a_part_of_it(self, operator: Operator) -> None:
        payment = bought(spend=30)
        asked = operator.do(payment, "refund", policy="full", amount="50", reason="Half of it")
        assert [str(value) for _name, value in asked.context["confirming"]["figures"]] == ["50\u00a0₽", "16", "—"]
        operator.resend(deed_of(payment, "refund"), operator.filled(asked))
        payment.refresh_from_db()
        assert (payment.refunded_amount, payment.taken_tokens) == (5_000, 16)

    def test_sent_twice_refunds_once(self, operator: Operator) -> None:
        payment = bought()
        filled = confirmed(operator, payment)
        operator.resend(deed_of(payment, "refund"), filled)
        before = snapshot()
        answer = operator.resend(deed_of(payment, "refund"), filled)
        assert told(answer)[-1] == ("success", "This refund was made before. Nothing has moved.")
        assert snapshot() == before
        assert Refund.objects.count() == 1

    def test_asks_anew_when_it_would_do_something_else_by_now(self, operator: Operator) -> None:
        payment = bought()
        filled = confirmed(operator, payment, policy="unspent")
        charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=30, key=new_key(), by=TESTER)
        before = snapshot()
        answer = operator.resend(deed_of(payment, "refund"), filled)
        assert answer.context["submit_label"] == "Send back 59,60\u00a0₽"
        assert snapshot() == before
        told(operator.resend(deed_of(payment, "refund"), operator.filled(answer)))
        assert Refund.objects.get().amount == 5_960

    def test_another_policy_of_the_same_sum_is_asked_about_anew(self, operator: Operator) -> None:
        payment = bought()
        filled = confirmed(operator, payment) | {"policy": "goodwill"}
        answer = operator.resend(deed_of(payment, "refund"), filled)
        assert answer.context["confirming"]["title"] == "Goodwill"
        assert not Refund.objects.exists()

    def test_can_be_changed_with_nothing_lost(self, operator: Operator) -> None:
        payment = bought()
        filled = confirmed(operator, payment, policy="goodwill", amount="12,50")
        answer = operator.resend(deed_of(payment, "refund"), filled | {"change": "1"})
        assert "confirming" not in answer.context
        form = answer.context["form"]
        assert {name: form[name].value() for name in ("policy", "amount", "reason", "confirmed")} == {
            "policy": "goodwill",
            "amount": "12,50",
            "reason": "Bought twice",
            "confirmed": "",
        }

    def test_shows_one_that_is_on_its_way(self, operator: Operator) -> None:
        refund = refund_on_its_way()
        for page in (operator.page(refund), operator.page(refund.payment)):
            assert "on its way" in page.content.decode()
        assert deed_of(refund, "send_again") in operator.page(refund).content.decode()


class TestRefusals:
    def test_without_a_reason_or_a_policy(self, operator: Operator) -> None:
        payment = bought()
        before = snapshot()
        said = errors_of(operator.do(payment, "refund", policy="", reason=""))
        assert said["policy"] == ["Choose how the money goes back."]
        assert "reason" in said
        assert snapshot() == before

    @pytest.mark.parametrize(
        ("typed", "field", "words"),
        [
            ({"amount": "149,01"}, "amount", "Less is left of the payment than is to go back."),
            ({"amount": "0"}, "amount", "Less is left of the payment than is to go back."),
            ({"amount": "1", "policy": "unspent"}, "amount", "This policy computes the amount itself."),
        ],
    )
    def test_are_said_on_the_form_and_nothing_is_lost(
        self, operator: Operator, typed: dict[str, str], field: str, words: str
    ) -> None:
        payment = bought()
        before = snapshot()
        answer = operator.do(payment, "refund", **{"policy": "full", "reason": "Bought twice", **typed})
        assert errors_of(answer)[field] == [words]
        assert answer.context["form"]["reason"].value() == "Bought twice"
        assert snapshot() == before

    def test_of_a_contested_payment(self, operator: Operator) -> None:
        payment = bought()
        tell(told_of(payment.invoice, payment_id=payment.provider_payment_id, provider="manual").opened())
        before = snapshot()
        answer = operator.do(payment, "refund", policy="full", reason="Bought twice")
        words = ["The payer contests this payment; it waits for the verdict."]
        assert errors_of(answer)["__all__"] == words
        assert {why for _figures, why in options(answer).values()} == set(words)
        assert snapshot() == before

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_of_whoever_may_not(self, role: str) -> None:
        payment, other = bought(), Operator(role)
        url = deed_of(payment, "refund")
        before = snapshot()
        assert url not in other.page(payment).content.decode()
        assert other.open(url).status_code == 403
        assert other.client.post(url, {"policy": "full", "reason": "mine"}).status_code == 403
        assert snapshot() == before

    def test_of_whoever_does_not_show_their_second_factor(self, operator: Operator) -> None:
        payment = bought()
        enrolled(User.objects.get(pk=operator.user.pk))
        before = snapshot()
        for answer in (
            operator.open(deed_of(payment, "refund")),
            operator.client.post(deed_of(payment, "refund"), {"policy": "full", "reason": "mine"}),
        ):
            assert answer.status_code == 302
            assert not answer.headers["Location"].startswith(page_of(payment))
        assert not Refund.objects.exists()
        assert snapshot().get("billing_payment") == before.get("billing_payment")


class TestList:
    def test_shows_and_finds_them(self, operator: Operator) -> None:
        refund, _other = RefundFactory.create(), RefundFactory.create()
        for term in (refund.pk, refund.payment_id, refund.payment.provider_payment_id):
            assert operator.list(Refund, q=str(term)).context["cl"].result_list == [refund]
        assert operator.list(Refund, state__exact="failed").context["cl"].result_list == []

    def test_is_there_for_everybody_who_reads(self) -> None:
        refund = RefundFactory.create()
        for role in ("viewer", "support", "operator", "superadmin"):
            assert Operator(role).open(list_of(Refund)).status_code == 200
            assert Operator(role).page(refund).status_code == 200


class TestSendingAgain:
    def test_asks_once_more_with_a_reason(self, operator: Operator) -> None:
        refund = refund_on_its_way()
        jobs = Job.objects.filter(name="billing.send_refund")
        before = jobs.count()
        assert "reason" in errors_of(operator.do(refund, "send_again", reason=""))
        assert jobs.count() == before
        said = told(operator.do(refund, "send_again", reason="no answer for an hour"))
        assert said == [("success", "The provider will be asked in a moment.")]
        assert jobs.count() == before + 1
        log = AuditLog.objects.get(action="billing.refund.sent_again")
        assert (log.entity_id, log.metadata["reason"]) == (str(refund.pk), "no answer for an hour")

    def test_of_one_that_is_closed_sends_nothing(self, operator: Operator) -> None:
        refund = RefundFactory.create()
        assert deed_of(refund, "send_again") not in operator.page(refund).content.decode()
        before = snapshot()
        said = told(operator.do(refund, "send_again", reason="to be sure"))
        assert said == [("success", "This refund is closed: nothing was sent.")]
        assert snapshot() == before

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_is_not_for_others(self, role: str) -> None:
        refund, other = refund_on_its_way(), Operator(role)
        before = snapshot()
        assert deed_of(refund, "send_again") not in other.page(refund).content.decode()
        assert other.client.post(deed_of(refund, "send_again"), {"reason": "mine"}).status_code == 403
        assert snapshot() == before


def test_only_operators_and_superadmins_may_send_money_back() -> None:
    permission = Permission.objects.get(codename="issue_refund")
    assert set(permission.group_set.values_list("name", flat=True)) == {"operator", "superadmin"}
    assert booked(bought().invoice.wallet)[0] == 50
