"""Whose events of Stripe are heard: signatures that are right, wrong, stale, doubled, and changing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from billing.models import PaymentEvent
from billing.rules.payment_events import Kind
from billing.tests.tills import WEBHOOK_SECRET, StripeTill, send, stripe
from core.jobs import drain
from scripts.fakes.stripe_signing import signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def till() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


class TestSignatures:
    def event(self, till: StripeTill) -> bytes:
        till.do("pay", session=till.begun().provider_payment_id)
        return till.told()[-1][0]

    @pytest.mark.parametrize(
        "sign",
        [
            lambda _body: "",
            lambda _body: "nonsense",
            lambda body: signed(body, "whsec_another"),
            lambda body: signed(body + b" ", WEBHOOK_SECRET),
            lambda body: signed(body, WEBHOOK_SECRET, at=int(time.time()) - 301),
            lambda body: signed(body, WEBHOOK_SECRET).replace("v1=", "v0="),
            lambda body: signed(body, WEBHOOK_SECRET).partition(",")[2],
        ],
        ids=["none", "nonsense", "another secret", "another body", "stale", "another scheme", "no moment"],
    )
    def test_that_are_wrong_are_refused_and_nothing_is_kept(self, till: StripeTill, sign: Any) -> None:
        body = self.event(till)
        assert send(body, sign(body)) == 403
        assert not PaymentEvent.objects.exists()

    def test_may_be_several_of_which_one_is_right(self, till: StripeTill) -> None:
        body = self.event(till)
        assert send(body, signed(body, "whsec_another", WEBHOOK_SECRET)) == 200

    def test_are_of_the_former_secret_or_of_the_new_one_while_it_changes(self, till: StripeTill) -> None:
        body = self.event(till)
        with override_settings(STRIPE_WEBHOOK_SECRETS=["whsec_new", WEBHOOK_SECRET]):
            assert send(body, signed(body, WEBHOOK_SECRET)) == 200
            assert send(body, signed(body, "whsec_new")) == 200
        with override_settings(STRIPE_WEBHOOK_SECRETS=["whsec_new"]):
            assert send(body, signed(body, WEBHOOK_SECRET)) == 403
        assert PaymentEvent.objects.filter(kind=Kind.NOTICE).count() == 1

    @pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"id": "evt_1", "a": "\\u0000"}'])
    def test_that_are_right_do_not_make_it_json(self, till: StripeTill, body: bytes) -> None:
        # Bytes that are no text cannot have been signed as one.
        assert send(body, signed(body, WEBHOOK_SECRET)) == (403 if body == b"\xff" else 400)

    @pytest.mark.parametrize(
        "event",
        [
            {"id": "evt_1", "type": "customer.created", "data": {"object": {"payment_intent": "pi_1"}}},
            {"id": "evt_1", "type": "charge.succeeded", "data": {"object": {"payment_intent": "../refunds"}}},
            {"id": "evt_1", "type": "charge.succeeded", "data": []},
            {"id": "evt_1"},
        ],
        ids=str,
    )
    def test_of_what_is_about_no_payment_are_heard_and_do_nothing(self, till: StripeTill, event: Any) -> None:
        body = json.dumps(event).encode()
        assert send(body, signed(body, WEBHOOK_SECRET)) == 200
        assert drain.run_due() == [("billing.apply_payment_event", "done")]
        assert till.house.calls() == []

    def test_of_what_names_nothing_are_not_kept(self, till: StripeTill) -> None:
        body = b'{"type": "charge.succeeded"}'
        assert send(body, signed(body, WEBHOOK_SECRET)) == 200
        assert not PaymentEvent.objects.exists()
