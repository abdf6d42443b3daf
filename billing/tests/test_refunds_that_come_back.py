"""Word of a refund that failed, while another one is on its way."""

from __future__ import annotations

import pytest

from billing.models import Refund
from billing.tests.facts import refund_on_its_way, tell, told_of

pytestmark = pytest.mark.django_db


def test_leaves_alone_what_is_still_to_be_made() -> None:
    waiting = refund_on_its_way()
    payment = waiting.payment
    of = told_of(payment.invoice, payment_id=payment.provider_payment_id)
    tell(of.came_back(reference="an earlier one"), of.refunded(waiting.amount, reference="an earlier one"))
    waiting.refresh_from_db()
    payment.refresh_from_db()
    assert (waiting.state, waiting.provider_refund_id) == (Refund.State.PENDING, None)
    assert (payment.refunded_amount, payment.refunds.count()) == (waiting.amount, 1)
    # The control: one that did not fail is the one that was asked for.
    tell(of.refunded(waiting.amount, reference="its own"))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.provider_refund_id) == (Refund.State.SUCCEEDED, "its own")
