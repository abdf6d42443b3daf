"""Deliveries that were given up are sent again all at once, from the endpoint's page."""

from __future__ import annotations

import pytest

from audit.models import AuditLog
from billing import errors
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.operations import webhook_deliveries, webhook_endpoints
from billing.tests.factories import TESTER, AnnouncementFactory
from billing.tests.hooks import dead_delivery
from billing.tests.operators import Operator, deed_of
from billing.tests.races import lined_up
from billing.tests.snapshots import Unmoved
from core.errors import ReasonMissing
from core.ids import uuid7
from core.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
State = WebhookDelivery.State


def given_up(count: int) -> WebhookEndpoint:
    """An endpoint that is back, and so many deliveries to it that were given up."""
    endpoint: WebhookEndpoint = dead_delivery().endpoint
    for _each in range(count - 1):
        AnnouncementFactory.create()
    webhook_endpoints.change(endpoint_id=endpoint.pk, is_active=False, by=TESTER)
    for delivery in WebhookDelivery.objects.filter(state=State.PENDING):
        assert webhook_deliveries.begin(delivery_id=delivery.pk, by=TESTER) is None
    webhook_endpoints.change(endpoint_id=endpoint.pk, is_active=True, by=TESTER)
    assert in_state(State.DEAD) == count
    return endpoint


def in_state(state: State) -> int:
    return WebhookDelivery.objects.filter(state=state).count()


def replay(endpoint: WebhookEndpoint) -> int:
    return webhook_deliveries.replay_given_up(endpoint_id=endpoint.pk, reason="It is back", by=TESTER)


def deeds() -> list[AuditLog]:
    return list(AuditLog.objects.filter(action="billing.webhook_endpoint.replayed"))


def test_are_all_on_their_way_again_with_a_job_each() -> None:
    endpoint, others = given_up(3), dead_delivery()
    known = set(Job.objects.values_list("pk", flat=True))
    dead = set(WebhookDelivery.objects.filter(endpoint=endpoint, state=State.DEAD).values_list("pk", flat=True))
    assert replay(endpoint) == 3
    assert set(WebhookDelivery.objects.filter(pk__in=dead).values_list("state", flat=True)) == {State.PENDING}
    others.refresh_from_db()
    assert others.state == State.DEAD, "another receiver's are left alone"
    jobs = Job.objects.exclude(pk__in=known)
    assert sorted(job.args["delivery_id"] for job in jobs) == sorted(map(str, dead))
    (deed,) = deeds()
    told = (deed.entity_id, deed.metadata["reason"], deed.metadata["deliveries"])
    assert told == (str(endpoint.pk), "It is back", 3)
    assert replay(endpoint) == 0
    assert len(deeds()) == 1


def test_go_so_many_at_once_the_oldest_first() -> None:
    endpoint = given_up(3)
    two = webhook_deliveries.replay_given_up(endpoint_id=endpoint.pk, reason="It is back", limit=2, by=TESTER)
    assert two == 2
    left = WebhookDelivery.objects.get(state=State.DEAD)
    assert left == WebhookDelivery.objects.order_by("pk").last()
    assert replay(endpoint) == 1


def test_are_sent_again_once_by_many_at_once() -> None:
    endpoint = given_up(3)
    ran = lined_up(endpoint, *[lambda: replay(endpoint)] * 4)
    assert sorted(ran.results) == [0, 0, 0, 3]
    assert len(deeds()) == 1


def test_are_left_alone_without_a_reason_or_a_receiver(unmoved: Unmoved) -> None:
    endpoint = given_up(1)
    with unmoved(ReasonMissing):
        webhook_deliveries.replay_given_up(endpoint_id=endpoint.pk, reason=" ", by=TESTER)
    with unmoved(errors.WebhookEndpointNotFound):
        webhook_deliveries.replay_given_up(endpoint_id=uuid7(), reason="It is back", by=TESTER)
    webhook_endpoints.change(endpoint_id=endpoint.pk, is_active=False, by=TESTER)
    with unmoved(errors.WebhookEndpointInactive):
        replay(endpoint)


class TestTheEndpointsPage:
    def test_offers_it_where_there_are_any(self) -> None:
        endpoint, operator = given_up(2), Operator()
        label = "Send all given-up ones again"
        assert label in operator.page(endpoint).content.decode()
        form = operator.open(deed_of(endpoint, "replay_given_up")).content.decode()
        assert "Given up: 2." in form
        answer = operator.do(endpoint, "replay_given_up", reason="It is back")
        assert answer.status_code == 302
        assert in_state(State.PENDING) == 2
        page = operator.page(endpoint).content.decode()
        assert "2 messages are on their way again." in page
        assert label not in page
        (deed,) = deeds()
        assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "It is back")
