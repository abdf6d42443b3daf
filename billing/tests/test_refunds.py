"""The refund desk: what it computes, takes and sends, and what it refuses."""

from __future__ import annotations

from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F

from audit.models import AdminAlert, AuditLog
from billing import errors
from billing.models import Invoice, Payment, Refund, Transaction, Wallet
from billing.operations import charges, refunds
from billing.owners import Owner
from billing.queries.reconciliation import list_divergences
from billing.queries.refunds import preview
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PaymentFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
    new_key,
)
from billing.tests.facts import tell, told_of
from billing.tests.invariants import contradictions
from billing.tests.payment_factories import PaymentEventFactory, RefundFactory
from billing.tests.races import lined_up, outcomes, without
from billing.tests.snapshots import Unmoved, snapshot
from core.errors import DomainError, ReasonMissing
from core.ids import uuid7
from core.money import Money

FULL, UNSPENT, GOODWILL = Refund.Policy.FULL, Refund.Policy.UNSPENT, Refund.Policy.GOODWILL


def bought(*, spend: int = 0, wallet: Wallet | None = None, **tariff: Any) -> Payment:
    """A payment by hand of 50 tokens for 149 ₽, of which some are spent."""
    wallet = wallet or WalletFactory.create()
    payment = PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(**tariff)))
    if spend:
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=spend, key=new_key(), by=TESTER)
    return payment


def wallet_of(payment: Payment) -> Wallet:
    return Wallet.objects.get(invoices__payments=payment)


@pytest.mark.django_db
class TestPolicies:
    def test_full_takes_what_is_left_and_makes_a_debt_of_what_was_spent(self) -> None:
        payment = bought(spend=30)
        refund = RefundFactory.create(payment=payment, policy=FULL)
        assert (refund.amount, refund.tokens_reversed, refund.shortfall_tokens) == (14_900, 20, 30)
        assert refund.state == Refund.State.SUCCEEDED
        wallet = wallet_of(payment)
        assert (wallet.token_balance, wallet.debt_tokens) == (0, 30)
        payment.refresh_from_db()
        assert payment.status == Payment.Status.REFUNDED
        assert payment.invoice.status == Invoice.Status.REFUNDED
        # The next purchase repays it first.
        bought(wallet=wallet, tokens=40)
        wallet.refresh_from_db()
        assert (wallet.token_balance, wallet.debt_tokens) == (10, 0)
        assert list_divergences() == []
        assert contradictions() == []

    def test_unspent_sends_back_the_share_of_what_is_left_to_the_kopeck(self) -> None:
        payment = bought(spend=30)
        refund = RefundFactory.create(payment=payment, policy=UNSPENT)
        assert (refund.amount, refund.tokens_reversed, refund.shortfall_tokens) == (5_960, 20, 0)
        wallet = wallet_of(payment)
        assert (wallet.token_balance, wallet.debt_tokens) == (0, 0)
        payment.refresh_from_db()
        assert payment.status == Payment.Status.PARTIALLY_REFUNDED

    @pytest.mark.parametrize(("spend", "amount"), [(0, 14_901), (1, 14_603), (49, 298), (25, 7_451)])
    def test_unspent_rounds_half_up(self, spend: int, amount: int) -> None:
        payment = bought(spend=spend, price=14_901)
        assert preview(payment.pk, policy=UNSPENT).amount == Money(amount, "RUB")

    def test_goodwill_leaves_the_tokens(self) -> None:
        payment = bought(spend=30)
        refund = RefundFactory.create(payment=payment, policy=GOODWILL, amount=Money(5_000, "RUB"))
        assert (refund.amount, refund.tokens_reversed, refund.shortfall_tokens) == (5_000, 0, 0)
        wallet = wallet_of(payment)
        assert (wallet.token_balance, wallet.debt_tokens) == (20, 0)

    def test_full_in_parts_takes_the_tokens_of_each_part(self) -> None:
        payment = bought()
        taken = [
            RefundFactory.create(payment=payment, amount=Money(amount, "RUB")).tokens_reversed
            for amount in (5_000, 5_000, 4_900)
        ]
        assert (taken, sum(taken)) == ([16, 17, 17], 50)
        payment.refresh_from_db()
        assert (payment.status, payment.refunded_amount) == (Payment.Status.REFUNDED, 14_900)

    def test_takes_from_its_own_purchase_only(self) -> None:
        wallet = funded_wallet(tokens=100)
        payment = bought(wallet=wallet)
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=130, key=new_key(), by=TESTER)
        refund = RefundFactory.create(payment=payment)
        assert (refund.tokens_reversed, refund.shortfall_tokens) == (20, 30)

    def test_what_has_expired_is_neither_taken_nor_owed(self, clock: Any) -> None:
        payment = bought(spend=30, token_validity_days=10)
        clock.advance(days=11)
        refund = RefundFactory.create(payment=payment)
        assert (refund.tokens_reversed, refund.shortfall_tokens) == (0, 30)

    def test_what_has_run_out_a_moment_ago_is_gone_before_it_is_booked(self, clock: Any) -> None:
        payment = bought(spend=30, token_validity_days=10)
        clock.advance(days=11)
        found = preview(payment.pk, policy=FULL)
        assert (found.tokens_left, found.tokens_expired, found.shortfall_tokens) == (0, 20, 30)
        with pytest.raises(errors.NothingToRefund):
            preview(payment.pk, policy=UNSPENT)
        refund = RefundFactory.create(payment=payment)
        assert (refund.tokens_reversed, refund.shortfall_tokens) == (found.tokens_reversed, found.shortfall_tokens)

    def test_money_that_bought_nothing_takes_nothing(self) -> None:
        paid = bought()
        surplus = PaymentFactory.create(invoice=paid.invoice)
        assert surplus.outcome == Payment.Outcome.SURPLUS
        refund = RefundFactory.create(payment=surplus)
        assert (refund.amount, refund.tokens_reversed, refund.shortfall_tokens) == (14_900, 0, 0)
        paid.invoice.refresh_from_db()
        assert (wallet_of(paid).token_balance, paid.invoice.status) == (50, Invoice.Status.PAID)

    def test_a_subscription_alone_goes_back_by_time(self, clock: Any) -> None:
        payment = bought(tokens=0, subscription_days=30, price=30_000)
        clock.advance(days=12)
        found = preview(payment.pk, policy=UNSPENT)
        assert (found.days_used, found.days_bought) == (12, 30)
        assert found.amount.amount in {17_999, 18_000}


@pytest.mark.django_db
class TestPreview:
    def test_shows_what_the_refund_then_does(self) -> None:
        payment = bought(spend=30)
        found = preview(payment.pk, policy=FULL)
        assert (found.tokens_left, found.tokens_spent, found.tokens_expired) == (20, 30, 0)
        assert (found.amount, found.tokens_reversed, found.shortfall_tokens) == (Money(14_900, "RUB"), 20, 30)
        refund = RefundFactory.create(payment=payment)
        assert (refund.tokens_reversed, refund.shortfall_tokens) == (20, 30)

    def test_moves_nothing(self) -> None:
        payment = bought(spend=30)
        before = snapshot()
        preview(payment.pk, policy=FULL)
        assert snapshot() == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "refusal"),
        [
            ({"policy": FULL, "amount": Money(14_901, "RUB")}, errors.RefundExceedsPayment),
            ({"policy": FULL, "amount": Money(1, "USD")}, errors.RefundExceedsPayment),
            ({"policy": UNSPENT, "amount": Money(1, "RUB")}, errors.RefundAmountNotYours),
            ({"policy": FULL, "reason": "  "}, ReasonMissing),
        ],
    )
    def test_what_cannot_be_moves_nothing(
        self, unmoved: Unmoved, asked: dict[str, Any], refusal: type[DomainError]
    ) -> None:
        payment = bought(spend=30)
        told: dict[str, Any] = {"reason": "Bought twice", "key": new_key(), "by": TESTER, **asked}
        with unmoved(refusal):
            refunds.issue(payment_id=payment.pk, **told)

    def test_what_has_become_another_refund_than_was_agreed_to_moves_nothing(self, unmoved: Unmoved) -> None:
        payment = bought(spend=10)
        agreed = preview(payment.pk, policy=UNSPENT).fingerprint
        charges.charge(owner=Owner.wallet(payment.invoice.wallet_id), tokens=1, key=new_key(), by=TESTER)
        asked = partial(refunds.issue, payment_id=payment.pk, policy=UNSPENT, reason="Unused", key="once", by=TESTER)
        with unmoved(errors.RefundChanged):
            asked(agreed=agreed)
        assert asked(agreed=preview(payment.pk, policy=UNSPENT).fingerprint).refund.amount == 11_622

    def test_what_nobody_has_is_neither_failed_nor_sent_again(self, unmoved: Unmoved) -> None:
        with unmoved(errors.RefundNotFound):
            refunds.fail(refund_id=uuid7(), failure="refused", by=TESTER)
        with unmoved(errors.RefundNotFound):
            refunds.send_again(refund_id=uuid7(), reason="They wait", by=TESTER)

    def test_nothing_unspent_is_nothing_to_refund(self, db: None) -> None:
        payment = bought(spend=50)
        with pytest.raises(errors.NothingToRefund):
            preview(payment.pk, policy=UNSPENT)

    def test_money_that_has_gone_back_does_not_go_back_again(self, db: None) -> None:
        payment = RefundFactory.create().payment
        with pytest.raises(errors.PaymentNotCaptured):
            preview(payment.pk, policy=FULL)

    def test_a_contested_payment_waits_for_the_verdict(self, db: None) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.succeeded(), of.opened())
        with pytest.raises(errors.PaymentDisputed):
            preview(Payment.objects.get().pk, policy=FULL)

    def test_the_same_key_for_another_refund(self, db: None) -> None:
        payment = bought()
        RefundFactory.create(payment=payment, policy=GOODWILL, amount=Money(1, "RUB"), key="once")
        with pytest.raises(errors.IdempotencyMismatch):
            RefundFactory.create(payment=payment, policy=GOODWILL, amount=Money(2, "RUB"), key="once")


@pytest.mark.django_db
class TestWay:
    def test_the_same_key_gives_the_first_one_back(self) -> None:
        payment = bought()
        asked: dict[str, Any] = {"payment_id": payment.pk, "policy": FULL, "reason": "Bought twice", "by": TESTER}
        first = refunds.issue(**asked, key="once")
        second = refunds.issue(**asked, key="once")
        assert (second.refund, second.replayed) == (first.refund, True)
        assert Refund.objects.count() == 1

    def test_is_in_the_audit_log_with_its_reason(self) -> None:
        refund = RefundFactory.create(reason="Bought twice")
        log = AuditLog.objects.get(action="billing.refund.issued")
        assert (log.entity_id, log.metadata["reason"]) == (str(refund.pk), "Bought twice")

    def test_a_refusal_of_the_provider_gives_the_tokens_back(self) -> None:
        wallet = WalletFactory.create()
        paid = PaymentEventFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=30, key=new_key(), by=TESTER)
        payment = Payment.objects.get(provider_payment_id=paid.provider_payment_id)
        refund = RefundFactory.create(payment=payment)
        wallet.refresh_from_db()
        assert (refund.state, wallet.token_balance, wallet.debt_tokens) == (Refund.State.PENDING, 0, 30)
        refunds.fail(refund_id=refund.pk, failure="insufficient_funds", by=TESTER)
        wallet.refresh_from_db()
        payment.refresh_from_db()
        assert (wallet.token_balance, wallet.debt_tokens, payment.refunded_amount) == (20, 0, 0)
        assert payment.status == Payment.Status.SUCCEEDED
        assert AdminAlert.objects.filter(fingerprint=f"billing.refund_failed:{refund.pk}").exists()
        assert list_divergences() == []

    def test_a_debt_that_was_repaid_meanwhile_comes_back_as_tokens(self) -> None:
        wallet = WalletFactory.create()
        paid = PaymentEventFactory.create(invoice=InvoiceFactory.create(wallet=wallet))
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=30, key=new_key(), by=TESTER)
        refund = RefundFactory.create(payment=Payment.objects.get(provider_payment_id=paid.provider_payment_id))
        bought(wallet=wallet, tokens=40)
        refunds.fail(refund_id=refund.pk, failure="insufficient_funds", by=TESTER)
        wallet.refresh_from_db()
        assert (wallet.token_balance, wallet.debt_tokens) == (10 + 20 + 30, 0)
        assert list_divergences() == []

    def test_the_event_of_what_the_desk_sent_is_not_a_second_refund(self) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.succeeded())
        payment = Payment.objects.get()
        refund = RefundFactory.create(payment=payment)
        tell(of.refunded(reference="their-number"))
        refund.refresh_from_db()
        assert (refund.state, refund.provider_refund_id) == (Refund.State.SUCCEEDED, "their-number")
        assert Refund.objects.count() == 1

    def test_more_than_was_paid_is_kept_within_it_and_told(self) -> None:
        of = told_of(InvoiceFactory.create())
        tell(of.succeeded(), of.refunded(10_000, reference="one"), of.refunded(10_000, reference="two"))
        payment = Payment.objects.get()
        assert payment.refunded_amount == payment.amount
        assert AdminAlert.objects.filter(fingerprint__startswith="billing.refund_exceeds_payment").exists()


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_never_exceed_the_payment() -> None:
    """C07."""
    payment = bought(price=10_000)

    def refund(number: int) -> Refund:
        return refunds.issue(
            payment_id=payment.pk,
            policy=FULL,
            amount=Money(3_000, "RUB"),
            reason="Bought twice",
            key=f"refund-{number}",
            by=TESTER,
        ).refund

    ends = lined_up(wallet_of(payment), *(partial(refund, number) for number in range(16)))
    assert len(ends.results) == 3
    assert ends.codes == {"billing.refund_exceeds_payment": 13}
    payment.refresh_from_db()
    assert payment.refunded_amount == 9_000
    taken = Transaction.objects.filter(type="refund").values_list("tokens_delta", flat=True)
    assert -sum(taken) == 45
    assert contradictions() == []


@pytest.mark.django_db(transaction=True)
class TestWritersWhoReadFirst:
    """C07, done by somebody who looks what may still go back, and writes later."""

    def test_are_stopped_by_billing_payment_refunds_stay_within_it(self) -> None:
        payment = bought(price=10_000)
        assert self._sixteen_at_once(payment) == 3
        payment.refresh_from_db()
        assert payment.refunded_amount == 9_000

    def test_send_back_more_than_was_paid_without_it(self) -> None:
        with without("billing_payment", "billing_payment_refunds_stay_within_it"):
            payment = bought(price=10_000)
            assert self._sixteen_at_once(payment) == 16
            payment.refresh_from_db()
            assert payment.refunded_amount == 48_000

    def _sixteen_at_once(self, payment: Payment) -> int:
        """:returns: how many got 3 000 each through"""
        all_have_read = Barrier(16)

        def send_back() -> bool:
            left = payment.amount - Payment.objects.get(pk=payment.pk).refunded_amount
            all_have_read.wait(timeout=30)
            assert left >= 3_000
            try:
                Payment.objects.filter(pk=payment.pk).update(refunded_amount=F("refunded_amount") + 3_000)
            except IntegrityError:
                return False
            return True

        return outcomes(*[send_back] * 16).results.count(True)
