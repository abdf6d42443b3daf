"""Payments in Admin: their story as it was told, contested ones, customers on their way, and events judged anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.models import AuditLog
from billing.models import Checkout, Dispute, Payment, PaymentEvent
from billing.tests.factories import InvoiceFactory, PaymentFactory
from billing.tests.facts import Storyteller, refund_on_its_way, tell, told_of
from billing.tests.operators import Answer, Operator, deed_of, errors_of, list_of, told
from billing.tests.payment_factories import (
    AnnouncedPaymentFactory,
    CheckoutFactory,
    DisputeFactory,
    PaymentEventFactory,
)
from billing.tests.snapshots import snapshot
from core.models import Job

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def teller() -> Storyteller:
    return told_of(InvoiceFactory.create())


def shown(answer: Answer) -> list[tuple[str, str]]:
    """The events of a payment's page: what each says, and its amount."""
    return [(str(each.words), str(each.amount or "")) for each in answer.context["timeline"].events]


class TestStory:
    def test_is_told_in_the_order_in_which_it_happened(self, operator: Operator, teller: Storyteller) -> None:
        # They came in another order.
        tell(teller.refunded(4_900), teller.succeeded(), teller.created(), teller.lost(), teller.opened())

        answer = operator.page(Payment.objects.get())

        assert shown(answer) == [
            ("The payment was begun; its money is awaited.", "149\u00a0₽"),
            ("The money is there.", "149\u00a0₽"),
            ("Money went back to the payer.", "49\u00a0₽"),
            ("The payer contests the payment with their bank.", ""),
            ("The dispute is lost: the money is gone.", ""),
        ]
        timeline = answer.context["timeline"]
        assert "charged back" in timeline.status
        assert not timeline.is_behind

    def test_shows_what_came_as_it_came_and_harmless(self, operator: Operator, teller: Storyteller) -> None:
        tell(replace(teller.succeeded(), payload={"text": "<script>alert(1)</script>"}))
        page = operator.page(Payment.objects.get()).content.decode()
        assert "<details" in page
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page

    def test_says_when_the_payment_is_behind_it(self, operator: Operator, teller: Storyteller) -> None:
        tell(teller.succeeded())
        Payment.objects.update(status=Payment.Status.PENDING)
        answer = operator.page(Payment.objects.get())
        assert answer.context["timeline"].is_behind
        assert "The payment shows another status than its events amount to." in answer.content.decode()

    def test_shows_refunds_disputes_and_what_was_taken(self, operator: Operator, teller: Storyteller) -> None:
        tell(teller.succeeded(), teller.refunded(4_900), teller.opened())
        answer = operator.page(Payment.objects.get())
        figures = {str(each.name): str(each.value) for each in answer.context["figures"]}
        assert figures == {
            "received": "149\u00a0₽",
            "refunded": "49\u00a0₽",
            "tokens taken back": "50",
            "became a debt": "—",
        }
        page = answer.content.decode()
        assert "made at the provider" in page
        assert "dispute-1" in page

    def test_of_one_that_is_only_awaited(self, operator: Operator) -> None:
        payment = AnnouncedPaymentFactory.create()
        answer = operator.page(payment)
        assert "no money yet" in answer.content.decode()
        assert deed_of(payment, "refund") not in answer.content.decode()


class TestList:
    def test_is_narrowed_by_status_outcome_and_provider(self, operator: Operator) -> None:
        paid = PaymentFactory.create()
        surplus = PaymentFactory.create(invoice=paid.invoice)
        awaited = AnnouncedPaymentFactory.create()
        for query, rows in (
            ({}, [awaited, surplus, paid]),
            ({"status__exact": "pending"}, [awaited]),
            ({"outcome__exact": "surplus"}, [surplus]),
            ({"outcome__exact": "awaited"}, [awaited]),
            ({"provider__exact": "manual"}, [surplus, paid]),
        ):
            assert operator.list(Payment, **query).context["cl"].result_list == rows

    def test_finds_by_the_provider_s_id(self, operator: Operator) -> None:
        payment, _other = PaymentFactory.create(), PaymentFactory.create()
        found = operator.list(Payment, q=payment.provider_payment_id).context["cl"].result_list
        assert found == [payment]

    def test_shows_what_went_back_and_was_taken(self, operator: Operator, teller: Storyteller) -> None:
        tell(teller.succeeded(), teller.refunded(4_900))
        page = operator.list(Payment).content.decode()
        assert "49\u00a0₽" in page
        assert "refunded in part" in page


class TestEvents:
    def test_are_found_by_their_own_and_their_payment_s_ids(self, operator: Operator) -> None:
        event, _other = PaymentEventFactory.create(), PaymentEventFactory.create()
        for term in (event.pk, event.provider_event_id, event.provider_payment_id):
            assert operator.list(PaymentEvent, q=str(term)).context["cl"].result_list == [event]

    def test_lead_to_their_payment(self, operator: Operator, teller: Storyteller) -> None:
        (heard,) = tell(teller.succeeded())
        payment = Payment.objects.get()
        for answer in (operator.list(PaymentEvent), operator.page(heard.event)):
            assert f"/admin/billing/payment/{payment.pk}/change/" in answer.content.decode()

    def test_are_judged_anew_with_a_reason(self, operator: Operator, teller: Storyteller) -> None:
        (heard,) = tell(teller.succeeded())
        jobs = Job.objects.filter(name="billing.apply_payment_event")
        assert "reason" in errors_of(operator.do(heard.event, "replay", reason=""))
        assert not jobs.exists()

        said = told(operator.do(heard.event, "replay", reason="the status is behind"))

        assert said == [("success", "The event will be judged again in a moment.")]
        assert jobs.get().args == {"event_id": str(heard.event.pk)}
        log = AuditLog.objects.get(action="billing.payment_event.replayed")
        assert (log.entity_id, log.metadata["reason"]) == (str(heard.event.pk), "the status is behind")

    @pytest.mark.parametrize("role", ["support", "viewer"])
    def test_are_not_judged_anew_by_others(self, role: str, teller: Storyteller) -> None:
        (heard,) = tell(teller.succeeded())
        other = Operator(role)
        before = snapshot()
        assert deed_of(heard.event, "replay") not in other.page(heard.event).content.decode()
        assert other.client.post(deed_of(heard.event, "replay"), {"reason": "mine"}).status_code == 403
        assert snapshot() == before


class TestDisputes:
    def test_are_shown_with_their_payment(self, operator: Operator) -> None:
        dispute, _other = DisputeFactory.create(), DisputeFactory.create()
        for term in (dispute.pk, dispute.payment_id, dispute.payment.provider_payment_id):
            assert operator.list(Dispute, q=str(term)).context["cl"].result_list == [dispute]
        assert operator.list(Dispute, state__exact="won").context["cl"].result_list == []
        page = operator.page(dispute).content.decode()
        assert dispute.provider_dispute_id in page
        assert f"/admin/billing/payment/{dispute.payment_id}/change/" in page


class TestCheckouts:
    def test_are_shown_without_what_only_the_client_needs(self, operator: Operator) -> None:
        checkout = CheckoutFactory.create()
        Checkout.objects.filter(pk=checkout.pk).update(url="https://pay.example/1", payload={"token": "a-secret"})
        page = operator.page(checkout).content.decode()
        assert "https://pay.example/1" in page
        assert "a-secret" not in page
        assert operator.list(Checkout, q=str(checkout.invoice_id)).context["cl"].result_list == [checkout]


def test_lists_are_there_for_everybody_who_reads() -> None:
    refund_on_its_way()
    for role in ("viewer", "support", "operator", "superadmin"):
        operator = Operator(role)
        for model in (Payment, PaymentEvent, Dispute, Checkout):
            assert operator.open(list_of(model)).status_code == 200
