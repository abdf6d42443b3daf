"""Webhook endpoints, deliveries and referrals over HTTP."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.factories import StaffFactory, UserFactory, bearer_header
from accounts.tests.phones import enrolled
from accounts.tests.visitors import Visitor, told
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.operations import webhook_deliveries
from billing.tests.callers import Caller, pages, staff
from billing.tests.factories import (
    TESTER,
    AnnouncementFactory,
    ReferralFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    brought,
)
from billing.tests.hooks import dead_delivery
from billing.tests.snapshots import snapshot
from conftest import TestClock

pytestmark = pytest.mark.django_db(transaction=True)

NEW = {"url": "https://shop.example/hooks", "events": ["invoice.paid", "wallet.low"], "description": "The shop"}


@pytest.fixture
def server() -> Caller:
    return Caller("webhooks:write")


class TestEndpoints:
    def test_are_made_and_their_secret_is_shown_once(self, server: Caller) -> None:
        answer = server.post("webhook-endpoints", NEW)
        assert answer.status_code == 201
        made = answer.json()
        assert made["secret"].startswith("whsec_")
        assert {name: made["endpoint"][name] for name in NEW} == NEW
        found = server.get(f"webhook-endpoints/{made['endpoint']['id']}")
        assert found.json() == made["endpoint"]
        assert server.get("webhook-endpoints").json()["results"] == [made["endpoint"]]
        assert "whsec_" not in found.text

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("url", "http://shop.example"),
            ("url", "https://127.0.0.1/"),
            ("url", "https://user@shop.example/"),
            ("url", "https://shop.example:22/"),
            ("url", ""),
            ("events", []),
            ("events", ["moon.rises"]),
            ("description", "x" * 256),
        ],
    )
    def test_that_lead_nowhere_or_hear_nothing_are_refused_by_field(
        self, server: Caller, field: str, value: object
    ) -> None:
        answer = server.post("webhook-endpoints", {**NEW, field: value})
        assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
        assert next(iter(answer.json()["errors"])).split(".")[0] == field
        assert not WebhookEndpoint.objects.exists()

    def test_are_changed_and_removed(self, server: Caller) -> None:
        endpoint = WebhookEndpointFactory.create()
        path = f"webhook-endpoints/{endpoint.pk}"
        changed = server.patch(path, {"is_active": False, "events": ["tokens.expiring"]}).json()
        assert (changed["is_active"], changed["events"], changed["url"]) == (False, ["tokens.expiring"], endpoint.url)
        assert server.delete(path).status_code == 204
        for gone in (server.get(path), server.patch(path, {}), server.delete(path)):
            assert (gone.status_code, gone.json()["code"]) == (404, "billing.webhook_endpoint_not_found")
        assert server.get("webhook-endpoints").json()["results"] == []

    def test_get_a_new_secret(self, server: Caller) -> None:
        path = f"webhook-endpoints/{WebhookEndpointFactory.create().pk}/rotate-secret"
        first, second = server.post(path, {}).json(), server.post(path, {"overlap_hours": 0}).json()
        assert first["secret"] != second["secret"]
        assert first["endpoint"]["previous_secret_ends_at"] is not None
        assert second["endpoint"]["previous_secret_ends_at"] is None
        assert server.post(path, {"overlap_hours": 721}).status_code == 400

    def test_are_changed_by_people_who_have_shown_their_factor_lately(self, clock: TestClock) -> None:
        olga, endpoint = StaffFactory.create(role="superadmin"), WebhookEndpointFactory.create()
        phone, browser = enrolled(olga), Visitor()
        assert browser.logs_in(olga.login, otp=phone.shows()).status_code == 200
        clock.advance(minutes=10)
        listed, one = "/api/v1/webhook-endpoints", f"/api/v1/webhook-endpoints/{endpoint.pk}"
        assert browser.get(one).status_code == 200
        before = snapshot()["billing_webhookendpoint"]
        for asked in (
            browser.post(listed, NEW),
            browser.patch(one, {"url": "https://elsewhere.example/"}),
            browser.post(f"{one}/rotate-secret", {"overlap_hours": 1}),
        ):
            assert told(asked) == (403, "auth.step_up_required")
        assert snapshot()["billing_webhookendpoint"] == before
        browser.verifies(phone.shows())
        assert browser.patch(one, {"url": "https://elsewhere.example/"}).status_code == 200


class TestDeliveries:
    def test_are_listed_by_endpoint_and_state(self, server: Caller) -> None:
        first, second = WebhookEndpointFactory.create(), WebhookEndpointFactory.create()
        for _number in range(3):
            AnnouncementFactory.create()
        row = WebhookDelivery.objects.filter(endpoint=first).first()
        assert row is not None
        attempt = webhook_deliveries.begin(delivery_id=row.pk, by=TESTER)
        assert attempt is not None
        webhook_deliveries.note(attempt=attempt, status=204, error="", by=TESTER)
        assert [len(page) for page in pages(server, "webhook-deliveries", limit=4)] == [4, 2]
        (of_second,) = pages(server, "webhook-deliveries", limit=10, endpoint=str(second.pk))
        assert {each["endpoint"] for each in of_second} == {str(second.pk)}
        ((done,),) = pages(server, "webhook-deliveries", limit=10, state="delivered")
        assert (done["id"], done["message_id"]) == (str(row.pk), str(row.announcement_id))
        assert (done["last_status"], done["attempts"]) == (204, 1)

    def test_are_sent_again(self, server: Caller) -> None:
        dead = dead_delivery()
        answer = server.post(f"webhook-deliveries/{dead.pk}/replay")
        assert (answer.status_code, answer.json()["state"]) == (200, "pending")
        assert answer.json()["message_id"] == str(dead.announcement_id)
        again = server.post(f"webhook-deliveries/{dead.pk}/replay")
        assert again.json() == answer.json()

    def test_are_nobody_else_s_business(self) -> None:
        WebhookDeliveryFactory.create()
        for scopes in (("billing:read",), ("billing:write", "users:read")):
            assert Caller(*scopes).get("webhook-deliveries").status_code == 403
        assert staff().get("webhook-deliveries").status_code == 200


class TestReferrals:
    def test_are_listed_by_who_brought_them(self) -> None:
        first = ReferralFactory.create()
        second = brought(first.referrer)
        ReferralFactory.create()
        (found,) = pages(Caller("billing:read"), "referrals", limit=10, user=str(first.referrer_id))
        assert [each["referred"] for each in found] == [str(second.referred_id), str(first.referred_id)]
        assert (found[0]["state"], found[0]["reward_tokens"]) == ("pending", 0)

    def test_of_their_own_are_what_customers_see(self) -> None:
        mine, other = ReferralFactory.create(), ReferralFactory.create()
        client = Client(headers=bearer_header(mine.referrer))
        seen = client.get("/api/v1/referrals").json()["results"]
        assert [each["id"] for each in seen] == [str(mine.pk)]
        by_another = client.get("/api/v1/referrals", query_params={"user": str(other.referrer_id)})
        assert by_another.json()["results"] == []

    def test_begin_with_a_code_that_customers_ask_for_themselves(self) -> None:
        anna, boris = UserFactory.create(), UserFactory.create()
        server = Caller("billing:read")
        answer = server.get("referrals/code", user=str(anna.pk))
        assert answer.json() == {"user": str(anna.pk), "referral_code": anna.referral_code}
        assert server.get("referrals/code").status_code == 400
        client = Client(headers=bearer_header(anna))
        assert client.get("/api/v1/referrals/code").json() == answer.json()
        refused = client.get("/api/v1/referrals/code", query_params={"user": str(boris.pk)})
        assert (refused.status_code, refused.json()["code"]) == (404, "accounts.user_not_found")
