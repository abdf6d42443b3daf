"""Where payment providers knock: what is answered, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.test import Client, override_settings

from billing.models import PaymentEvent
from billing.rules.payment_events import Kind
from billing.tests.tills import WEBHOOK_SECRET, StripeTill, YooKassaTill, notify, send, stripe, yookassa
from core.models import Job
from scripts.fakes.stripe_signing import signed

pytestmark = pytest.mark.django_db

ROUTES = ["/webhooks/yookassa", "/webhooks/stripe"]
ABOUT_A_PAYMENT = {"event": "payment.succeeded", "object": {"id": "2b8e4a3c-000f-5000-9000-1f0c5a6b7d8e"}}


@pytest.fixture
def shop() -> Iterator[YooKassaTill]:
    with yookassa() as made:
        yield made


@pytest.fixture
def account() -> Iterator[StripeTill]:
    with stripe() as made:
        yield made


@pytest.mark.parametrize("path", ROUTES)
def test_nobody_is_at_home_where_the_provider_is_not_set_up(path: str) -> None:
    answer = Client().post(path, ABOUT_A_PAYMENT, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "common.not_found")
    assert not PaymentEvent.objects.exists()


def test_a_message_is_kept_as_it_came_and_looked_into_by_a_job(shop: YooKassaTill) -> None:
    assert notify(ABOUT_A_PAYMENT) == 200
    event = PaymentEvent.objects.get()
    assert (event.kind, event.source, event.provider, event.payload) == (
        Kind.NOTICE,
        "webhook",
        "yookassa",
        ABOUT_A_PAYMENT,
    )
    assert Job.objects.get().name == "billing.apply_payment_event"
    assert shop.house.calls() == []


def test_the_same_message_is_kept_once(shop: YooKassaTill) -> None:
    assert [notify(ABOUT_A_PAYMENT) for _time in range(3)] == [200, 200, 200]
    assert (PaymentEvent.objects.count(), Job.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "common.body_malformed"),
        (b"{", "common.body_malformed"),
        (b"[]", "common.body_malformed"),
        (b"\xff", "common.body_malformed"),
        (b'{"event": "\\u0000"}', "common.body_malformed"),
        (b"[" * 1_000 + b"]" * 1_000, "common.body_malformed"),
        (b" " * 1_000_001, "common.body_too_large"),
    ],
    ids=["nothing", "half", "a list", "no text", "NUL", "deep", "large"],
)
def test_what_cannot_be_kept_is_refused(shop: YooKassaTill, body: bytes, code: str) -> None:
    answer = Client().post("/webhooks/yookassa", body, content_type="application/json")
    assert answer.json()["code"] == code
    assert answer.status_code == (413 if code == "common.body_too_large" else 400)
    assert not PaymentEvent.objects.exists()


def test_whatever_it_is_called_it_is_read(shop: YooKassaTill) -> None:
    answer = Client().post("/webhooks/yookassa", json.dumps(ABOUT_A_PAYMENT), content_type="text/plain")
    assert answer.status_code == 200
    assert PaymentEvent.objects.count() == 1


def test_a_signature_that_is_wrong_is_said_to_be(account: StripeTill) -> None:
    answer = Client().post("/webhooks/stripe", {"id": "evt_1"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "billing.webhook_signature_wrong")
    assert not PaymentEvent.objects.exists()


def test_without_a_secret_nobody_has_signed(account: StripeTill) -> None:
    body = b'{"id": "evt_1"}'
    with override_settings(STRIPE_WEBHOOK_SECRETS=[]):
        assert send(body, signed(body, WEBHOOK_SECRET)) == 403
    with override_settings(STRIPE_WEBHOOK_SECRETS=[""]):
        assert send(body, signed(body, "")) == 403
