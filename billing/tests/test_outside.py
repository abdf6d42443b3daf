"""Refunds and disputes of which no provider tells the house: recorded by staff, through the one pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import AuditLog
from billing import errors
from billing.models import Dispute, Payment, PaymentEvent, Refund
from billing.operations import charges, disputes, refunds
from billing.owners import Owner
from billing.queries.reconciliation import list_divergences
from billing.tests.deeds import assert_books_are_true, booked
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, new_key
from billing.tests.facts import refund_on_its_way, tell, told_of
from billing.tests.operators import Operator, deed_of, errors_of, told
from billing.tests.payment_factories import AnnouncedPaymentFactory
from billing.tests.snapshots import snapshot
from core.errors import DomainError, ReasonMissing, ValidationFailed
from core.money import Money
from core.tests.racing import race

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


def bought(*, provider: str = "telegram", spend: int = 0) -> Payment:
    """A payment of 149 ₽ for 50 tokens, some of them spent."""
    of = told_of(InvoiceFactory.create(), provider=provider)
    tell(of.succeeded())
    payment = Payment.objects.get()
    if spend:
        charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=spend, key=new_key(), by=TESTER)
    return payment


def went_back(payment: Payment, roubles: int = 149, **said: Any) -> refunds.Issued:
    asked = {"amount": Money(roubles * 100, "RUB"), "reference": "back-1", "reason": "Their letter", **said}
    return refunds.record_outside(payment_id=payment.pk, by=TESTER, **asked)


def dispute(payment: Payment, state: str, **said: Any) -> disputes.Recorded:
    asked = {"reference": "case-1", "reason": "The bank's letter", **said}
    return disputes.record(payment_id=payment.pk, state=Dispute.State(state), by=TESTER, **asked)


def tokens(payment: Payment) -> tuple[int, int]:
    """What is left in the wallet, and what it owes."""
    wallet = payment.invoice.wallet
    wallet.refresh_from_db()
    return wallet.token_balance, wallet.debt_tokens


class TestRefund:
    def test_takes_back_what_was_bought(self) -> None:
        payment = bought(spend=30)
        recorded = went_back(payment)
        payment.refresh_from_db()
        assert (payment.status, payment.refunded_amount, tokens(payment)) == ("refunded", 14_900, (0, 30))
        refund = recorded.refund
        assert (refund.origin, refund.state, refund.provider_refund_id) == ("provider", "succeeded", "back-1")
        event = PaymentEvent.objects.get(kind="refunded")
        assert (event.source, event.reference, event.money) == ("caller", "back-1", Money(14_900, "RUB"))
        log = AuditLog.objects.get(action="billing.refund.recorded")
        assert (log.entity_id, log.metadata["reason"]) == (str(refund.pk), "Their letter")
        assert_books_are_true(payment.invoice.wallet)
        assert list_divergences() == []

    def test_in_parts_up_to_the_whole(self) -> None:
        payment = bought()
        went_back(payment, 49)
        went_back(payment, 100, reference="back-2")
        payment.refresh_from_db()
        assert (payment.status, tokens(payment)) == ("refunded", (0, 0))
        assert Refund.objects.count() == 2

    def test_twice_is_once(self) -> None:
        payment = bought()
        first = went_back(payment, 49)
        before = snapshot()
        again = went_back(payment, 49, reference=" back-1 ")
        assert (again.refund, again.replayed) == (first.refund, True)
        assert snapshot() == before

    def test_ten_times_at_once_is_once(self) -> None:
        payment = bought()
        answers = race(*[lambda: went_back(payment, 49)] * 10)
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 9
        payment.refresh_from_db()
        assert (payment.refunded_amount, Refund.objects.count()) == (4_900, 1)

    def test_one_reference_names_refunds_of_two_payments(self) -> None:
        first, second = bought(), PaymentFactory.create()
        for payment in (first, second):
            assert went_back(payment).replayed is False
        assert Refund.objects.count() == 2

    def test_what_the_provider_tells_after_all_is_the_same_refund(self) -> None:
        payment = bought(provider="yookassa")
        went_back(payment)
        tell(told_of(payment.invoice, provider="yookassa").refunded(reference="back-1"))
        payment.refresh_from_db()
        assert (Refund.objects.count(), payment.refunded_amount) == (1, 14_900)

    @pytest.mark.parametrize(
        ("said", "refusal", "field"),
        [
            ({"amount": Money(14_901, "RUB")}, errors.RefundExceedsPayment, "amount"),
            ({"amount": Money(0, "RUB")}, errors.RefundExceedsPayment, "amount"),
            ({"amount": Money(100, "XTR")}, errors.RefundExceedsPayment, "amount"),
            ({"reference": "  "}, ValidationFailed, "reference"),
            ({"reference": "x" * 201}, ValidationFailed, "reference"),
            ({"reason": " "}, ReasonMissing, "reason"),
        ],
    )
    def test_refuses_what_cannot_be(self, said: dict[str, Any], refusal: type[DomainError], field: str) -> None:
        payment = bought()
        before = snapshot()
        with pytest.raises(refusal) as refused:
            went_back(payment, **said)
        assert set(refused.value.fields) == {field}
        assert snapshot() == before

    def test_refuses_more_than_is_left_and_another_amount_of_the_same(self) -> None:
        payment = bought()
        went_back(payment, 100)
        before = snapshot()
        with pytest.raises(errors.RefundExceedsPayment):
            went_back(payment, 50, reference="back-2")
        with pytest.raises(ValidationFailed):
            went_back(payment, 49)
        assert snapshot() == before

    def test_refuses_money_that_is_not_here_or_is_on_its_way(self) -> None:
        announced, on_its_way = AnnouncedPaymentFactory.create(), refund_on_its_way().payment
        lost = PaymentFactory.create()
        dispute(lost, "lost")
        before = snapshot()
        for payment, refusal in (
            (announced, errors.PaymentNotCaptured),
            (on_its_way, errors.RefundPending),
            (lost, errors.PaymentNotCaptured),
        ):
            with pytest.raises(refusal):
                went_back(payment, 1)
        assert snapshot() == before


class TestDispute:
    def test_opened_takes_what_is_left_lost_keeps_it_and_makes_a_debt(self) -> None:
        payment = bought(spend=30)
        assert dispute(payment, "open").dispute.state == "open"
        payment.refresh_from_db()
        assert (payment.status, tokens(payment)) == ("disputed", (0, 0))
        dispute(payment, "lost")
        payment.refresh_from_db()
        assert (payment.status, tokens(payment)) == ("charged_back", (0, 30))
        assert Dispute.objects.count() == 1
        assert AuditLog.objects.filter(action="billing.dispute.recorded").count() == 2
        assert_books_are_true(payment.invoice.wallet)
        assert list_divergences() == []

    def test_won_gives_it_back_and_the_last_verdict_stands(self) -> None:
        payment = bought(spend=30)
        for state, expected in (("open", 0), ("won", 20), ("lost", 0), ("won", 20), ("lost", 0)):
            dispute(payment, state)
            assert tokens(payment)[0] == expected
        assert Dispute.objects.get().state == "lost"
        assert_books_are_true(payment.invoice.wallet)

    def test_lost_before_anybody_heard_of_it_is_lost(self) -> None:
        payment = PaymentFactory.create()
        dispute(payment, "lost")
        payment.refresh_from_db()
        assert payment.status == "charged_back"

    @pytest.mark.parametrize("state", ["open", "lost"])
    def test_twice_is_once(self, state: str) -> None:
        payment = bought()
        dispute(payment, state)
        before = snapshot()
        assert dispute(payment, state).replayed
        assert snapshot() == before

    def test_ten_times_at_once_is_once(self) -> None:
        payment = bought()
        answers = race(*[lambda: dispute(payment, "lost")] * 10)
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 9
        assert (Dispute.objects.count(), PaymentEvent.objects.filter(kind="dispute_lost").count()) == (1, 1)

    def test_refuses_what_cannot_be(self) -> None:
        payment, announced = bought(), AnnouncedPaymentFactory.create()
        dispute(payment, "lost")
        before = snapshot()
        with pytest.raises(ValidationFailed) as unknown:
            dispute(payment, "won", reference="case-2")
        with pytest.raises(ValidationFailed) as judged:
            dispute(payment, "open")
        assert (set(unknown.value.fields), set(judged.value.fields)) == ({"reference"}, {"state"})
        with pytest.raises(ReasonMissing):
            dispute(payment, "won", reason=" ")
        with pytest.raises(errors.PaymentNotCaptured):
            dispute(announced, "open")
        assert snapshot() == before


class TestDesk:
    def test_says_of_telegram_that_its_refunds_are_made_elsewhere(self) -> None:
        operator, payment = Operator(), bought()
        page = operator.page(payment).content.decode()
        assert deed_of(payment, "refund") not in page
        assert deed_of(payment, "record_refund") in page
        form = operator.open(deed_of(payment, "refund")).context["form"]
        assert {choice.why_not for choice in form.choices()} == {str(errors.RefundMadeElsewhere.title)}
        assert dict(form.known())["the provider refunds"] == "in its own office alone"
        before = snapshot()
        with pytest.raises(errors.RefundMadeElsewhere):
            refunds.issue(
                payment_id=payment.pk, policy=Refund.Policy.FULL, reason="They asked", key=new_key(), by=TESTER
            )
        assert snapshot() == before

    def test_records_a_refund(self) -> None:
        operator, payment = Operator(), bought(spend=30)
        typed = {"amount": "149", "reference": "back-1", "reason": "Their letter"}
        said = told(operator.do(payment, "record_refund", **typed))
        assert said == [("success", "149\u00a0₽ are recorded as gone back.")]
        assert tokens(payment) == (0, 30)
        said = told(operator.do(payment, "record_refund", **typed))
        assert said == [("success", "This refund was recorded before. Nothing has moved.")]

    def test_refuses_more_than_is_left_at_its_field(self) -> None:
        operator, payment = Operator(), bought()
        before = snapshot()
        answer = operator.do(payment, "record_refund", amount="150", reference="back-1", reason="Their letter")
        assert set(errors_of(answer)) == {"amount"}
        assert snapshot() == before

    def test_records_a_dispute(self) -> None:
        operator, payment = Operator(), bought(spend=30)
        for state, expected in (("open", (0, 0)), ("lost", (0, 30))):
            answer = operator.do(payment, "record_dispute", state=state, reference="case-1", reason="A letter")
            assert told(answer) == [("success", "The dispute is recorded.")]
            assert tokens(payment) == expected
        answer = operator.do(payment, "record_dispute", state="open", reference="case-1", reason="A letter")
        assert set(errors_of(answer)) == {"state"}
        assert deed_of(payment, "record_refund") not in operator.page(payment).content.decode()

    @pytest.mark.parametrize("deed", ["record_refund", "record_dispute"])
    def test_is_for_those_who_may_send_money_back(self, deed: str) -> None:
        payment, other = bought(), Operator("support")
        assert deed_of(payment, deed) not in other.page(payment).content.decode()
        assert other.client.post(deed_of(payment, deed), {"reason": "mine"}).status_code == 403

    def test_what_was_handed_back_by_hand_is_the_desk_s(self) -> None:
        operator, payment = Operator(), PaymentFactory.create()
        page = operator.page(payment).content.decode()
        assert deed_of(payment, "refund") in page
        assert deed_of(payment, "record_refund") not in page
        assert booked(payment.invoice.wallet)[0] == 50
