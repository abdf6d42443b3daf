"""Announcements reach their receivers, over real HTTP: signed, at least once, with one id however often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from standardwebhooks.exceptions import WebhookVerificationError

from audit.models import AdminAlert, AuditLog
from billing import errors
from billing.courier import carry
from billing.models import Announcement, WebhookDelivery, WebhookEndpoint
from billing.operations import webhook_deliveries, webhook_endpoints
from billing.operations.announcements import announce
from billing.tests.factories import TESTER, InvoiceFactory, PaymentFactory, WalletFactory
from billing.tests.hooks import REACHABLE, Receiver, announced, delivery, endpoint, receiver
from billing.tests.races import outcomes
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core import clock as database_clock
from core.ids import uuid7
from core.jobs.drain import run_due
from core.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
State = WebhookDelivery.State


@pytest.fixture
def there() -> Iterator[Receiver]:
    with REACHABLE, receiver() as found:
        yield found


class TestAnAnnouncement:
    def test_reaches_its_receiver_signed(self, there: Receiver) -> None:
        made = endpoint(there.url, "invoice.paid")
        payment = PaymentFactory.create()

        run_due()

        (message,) = there.received
        announcement = Announcement.objects.get()
        assert message.id == str(announcement.pk)
        assert message.path == "/hooks"
        told = message.verified(made.secret)
        assert told["type"] == "invoice.paid"
        assert told["data"] == {
            "wallet": str(payment.invoice.wallet_id),
            "invoice": str(payment.invoice_id),
            "payment": str(payment.pk),
            "number": payment.invoice.number,
        }
        done = delivery()
        assert (done.state, done.attempts, done.last_status, done.last_error) == (State.DELIVERED, 1, 204, "")

    def test_with_another_secret_is_not_believed(self, there: Receiver) -> None:
        endpoint(there.url)
        other = endpoint()
        announced()
        run_due(limit=2)
        (message,) = there.received
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            message.verified(other.secret)

    def test_is_written_with_what_it_announces_or_not_at_all(self, there: Receiver) -> None:
        endpoint(there.url, "invoice.paid")
        invoice = InvoiceFactory.create()
        paid = PaymentFactory.create()
        with pytest.raises(errors.PaymentOfAnotherInvoice):
            PaymentFactory.create(invoice=invoice, provider_payment_id=paid.provider_payment_id)
        assert Announcement.objects.count() == 1
        assert WebhookDelivery.objects.count() == 1

    def test_goes_to_those_alone_who_are_told_of_such_things(self, there: Receiver) -> None:
        endpoint(there.url, "invoice.paid", "tokens.expiring")
        off = endpoint(there.url, "wallet.low")
        webhook_endpoints.change(endpoint_id=off.endpoint.pk, is_active=False, by=TESTER)
        announced("wallet.low")
        run_due()
        assert there.received == []
        announced("tokens.expiring")
        run_due()
        assert len(there.received) == 1

    def test_that_nobody_is_told_of_is_kept(self) -> None:
        announced(tokens=5)
        assert Announcement.objects.get().payload == {"tokens": 5}
        assert not WebhookDelivery.objects.exists()

    def test_is_made_once_where_that_is_meant(self) -> None:
        wallet = WalletFactory.create()
        first = announce("tokens.expiring", wallet_id=wallet.pk, once="lot")
        assert first is not None
        assert announce("tokens.expiring", wallet_id=wallet.pk, once="lot") is None
        assert announce("wallet.low", wallet_id=wallet.pk, once="lot") is not None

    def test_is_made_once_by_many_at_once(self) -> None:
        wallet = WalletFactory.create()
        endpoint("https://shop.example", "tokens.expiring")
        made = outcomes(*[lambda: announce("tokens.expiring", wallet_id=wallet.pk, once="lot")] * 6).results
        assert len([each for each in made if each]) == 1
        assert WebhookDelivery.objects.count() == 1

    def test_of_a_kind_that_nobody_knows_or_with_facts_that_change_is_a_defect(self) -> None:
        with pytest.raises(ValueError, match="is not announced"):
            announce("moon.rises", wallet_id=None)
        with pytest.raises(TypeError, match="no plain fact"):
            announce("wallet.low", wallet_id=None, wallet=WalletFactory.create())


class TestAReceiverInTrouble:
    def test_that_is_down_for_three_days_gets_it_in_the_end_with_the_same_id(
        self, there: Receiver, clock: TestClock
    ) -> None:
        made = endpoint(there.url)
        there.always = 500
        announced(tokens=3)
        pauses = _until(clock, days=3)
        there.always = 204
        pauses += _until(clock, days=3.2)

        done = delivery()
        assert done.state == State.DELIVERED
        assert len({each.id for each in there.received}) == 1
        assert len({each.body for each in there.received}) == 1
        assert len({each.headers["webhook-timestamp"] for each in there.received}) == len(there.received)
        assert there.received[-1].verified(made.secret)["data"]["tokens"] == 3
        assert done.attempts == len(there.received) > 50
        # Backoff: doubled up to an hour, half of it more or less.
        assert pauses[0] <= 30
        assert max(pauses) <= 5_400
        assert len(set(pauses)) > 50, "jitter"

    def test_that_is_down_for_longer_is_given_up_and_told_of(self, there: Receiver, clock: TestClock) -> None:
        endpoint(there.url)
        there.always = 503
        announced()
        _until(clock, days=3.2)
        given_up = delivery()
        assert (given_up.state, given_up.last_status) == (State.DEAD, 503)
        assert AdminAlert.objects.get().title == "A webhook could not be delivered"

        there.always = 200
        again = webhook_deliveries.replay(delivery_id=given_up.pk, by=TESTER)
        run_due()
        assert delivery().state == State.DELIVERED
        assert again.pk == given_up.pk
        assert len({each.id for each in there.received}) == 1
        assert AuditLog.objects.filter(action="billing.webhook_delivery.replayed").count() == 1

    @pytest.mark.parametrize("fault", [301, 302, 307, 400, 401, 404, 429, 500, "cut"])
    def test_is_tried_again(self, there: Receiver, clock: TestClock, fault: int | str) -> None:
        endpoint(there.url)
        there.answers = [fault]
        announced()
        run_due()
        failed = delivery()
        assert (failed.state, failed.attempts) == (State.PENDING, 1)
        assert failed.last_error
        clock.advance(minutes=1)
        run_due()
        assert delivery().state == State.DELIVERED
        assert [each.id for each in there.received] == [str(failed.announcement_id)] * 2

    def test_that_says_it_is_gone_is_left_alone(self, there: Receiver) -> None:
        made = endpoint(there.url)
        there.answers = [410]
        announced()
        announced()
        run_due()
        assert len(there.received) == 1
        assert {each.state for each in WebhookDelivery.objects.all()} == {State.DEAD}
        assert not WebhookEndpoint.objects.get(pk=made.endpoint.pk).is_active
        assert AuditLog.objects.filter(action="billing.webhook_endpoint.gone").count() == 1
        announced()
        assert WebhookDelivery.objects.count() == 2

    def test_whose_answer_is_endless_is_heard_no_further(self, there: Receiver) -> None:
        endpoint(there.url)
        there.answers = ["huge"]
        announced()
        run_due()
        assert delivery().state == State.DELIVERED

    @pytest.mark.parametrize("fault", ["hang", "drip"])
    def test_that_keeps_us_waiting_is_left(self, there: Receiver, fault: str) -> None:
        endpoint(there.url)
        there.answers = [fault]
        announced()
        run_due()
        assert delivery().state == State.PENDING


class TestWorkers:
    def test_never_send_one_delivery_at_once(self, there: Receiver) -> None:
        endpoint(there.url)
        announced()
        pk = delivery().pk
        outcomes(*[lambda: carry(pk, by=TESTER)] * 8)
        assert len(there.received) == 1
        assert (delivery().state, delivery().attempts) == (State.DELIVERED, 1)

    def test_would_without_the_lease(self, there: Receiver, clock: TestClock) -> None:
        """The control: a lease that has run out is nobody's."""
        endpoint(there.url)
        announced()
        first = webhook_deliveries.begin(delivery_id=delivery().pk, by=TESTER)
        assert first is not None
        assert webhook_deliveries.begin(delivery_id=delivery().pk, by=TESTER) is None
        clock.advance(seconds=121)
        second = webhook_deliveries.begin(delivery_id=delivery().pk, by=TESTER)
        assert second is not None
        assert second.announcement_id == first.announcement_id
        assert webhook_deliveries.note(attempt=first, status=500, error="late", by=TESTER) is None
        assert webhook_deliveries.note(attempt=second, status=200, error="", by=TESTER) is not None
        assert delivery().state == State.DELIVERED

    def test_that_died_in_the_middle_are_replaced(self, there: Receiver, clock: TestClock) -> None:
        endpoint(there.url)
        announced()
        webhook_deliveries.begin(delivery_id=delivery().pk, by=TESTER)
        Job.objects.all().delete()
        assert webhook_deliveries.sweep(by=TESTER) == 0
        clock.advance(seconds=200)
        assert webhook_deliveries.sweep(by=TESTER) == 1
        assert webhook_deliveries.sweep(by=TESTER) == 1
        assert Job.objects.filter(name="billing.deliver_webhook").count() == 1
        run_due()
        assert delivery().state == State.DELIVERED
        assert len(there.received) == 1


class TestSecrets:
    def test_both_sign_during_a_rotation_and_the_old_one_not_after(self, there: Receiver, clock: TestClock) -> None:
        old = endpoint(there.url)
        new = webhook_endpoints.rotate_secret(endpoint_id=old.endpoint.pk, overlap=timedelta(hours=1), by=TESTER)
        announced()
        run_due()
        clock.advance(hours=1, seconds=1)
        announced()
        run_due()
        during, after = there.received
        assert during.verified(old.secret) == during.verified(new.secret)
        assert after.verified(new.secret)
        with pytest.raises(WebhookVerificationError):
            after.verified(old.secret)

    def test_that_leaked_end_at_once(self, there: Receiver) -> None:
        old = endpoint(there.url)
        webhook_endpoints.rotate_secret(endpoint_id=old.endpoint.pk, overlap=timedelta(0), by=TESTER)
        announced()
        run_due()
        with pytest.raises(WebhookVerificationError):
            there.received[0].verified(old.secret)

    def test_are_sealed_where_they_lie_and_in_the_audit_log(self) -> None:
        made = endpoint()
        kept = bytes(WebhookEndpoint.objects.get().secret)
        assert made.secret.startswith("whsec_")
        assert made.secret.removeprefix("whsec_").encode() not in kept
        webhook_endpoints.rotate_secret(endpoint_id=made.endpoint.pk, by=TESTER)
        logged = " ".join(str((row.old_value, row.new_value)) for row in AuditLog.objects.all())
        assert kept.decode() not in logged
        assert "gAAAA" not in logged

    def test_follow_a_new_secret_key(self, there: Receiver) -> None:
        made = endpoint(there.url)
        former = settings.SECRET_KEY
        with override_settings(SECRET_KEY="another" * 10, SECRET_KEY_FALLBACKS=[former]):
            announced()
            run_due()
        with override_settings(SECRET_KEY="another" * 10, SECRET_KEY_FALLBACKS=[]):
            announced()
            run_due()
        assert [bool(each.verified(made.secret)) for each in there.received] == [True, True]


class TestRefusals:
    def test_of_what_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.WebhookEndpointNotFound):
            webhook_endpoints.change(endpoint_id=uuid7(), is_active=False, by=TESTER)
        with unmoved(errors.WebhookEndpointNotFound):
            webhook_endpoints.rotate_secret(endpoint_id=uuid7(), by=TESTER)
        with unmoved(errors.WebhookEndpointNotFound):
            webhook_endpoints.remove(endpoint_id=uuid7(), by=TESTER)
        with unmoved(errors.WebhookDeliveryNotFound):
            webhook_deliveries.replay(delivery_id=uuid7(), by=TESTER)

    def test_of_what_was_removed(self, unmoved: Unmoved) -> None:
        made = endpoint()
        announced()
        webhook_endpoints.remove(endpoint_id=made.endpoint.pk, by=TESTER)
        with unmoved(errors.WebhookEndpointNotFound):
            webhook_endpoints.remove(endpoint_id=made.endpoint.pk, by=TESTER)
        with unmoved(errors.WebhookEndpointInactive):
            webhook_deliveries.replay(delivery_id=delivery().pk, by=TESTER)

    def test_leaves_alone_what_is_on_its_way(self) -> None:
        endpoint()
        announced()
        before = delivery()
        assert webhook_deliveries.replay(delivery_id=before.pk, by=TESTER).gives_up_at == before.gives_up_at


def _until(clock: TestClock, *, days: float) -> list[float]:
    """Run what becomes due, each time when it does, up to so many days from the beginning; the pauses in between."""
    pauses: list[float] = []
    while True:
        run_due()
        waiting = WebhookDelivery.objects.filter(state=State.PENDING).first()
        if waiting is None or waiting.next_attempt_at is None:
            return pauses
        if waiting.next_attempt_at > waiting.created_at + timedelta(days=days):
            return pauses
        pause = (waiting.next_attempt_at - database_clock.now()).total_seconds()
        pauses.append(pause)
        clock.advance(seconds=pause + 0.001)
