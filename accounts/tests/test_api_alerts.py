"""``/api/v1/alerts``, asked from the floor where keys may be made."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.tests.factories import api_key_header
from audit.models import AdminAlert, AuditLog
from audit.operations import alerts
from audit.tests.factories import AdminAlertFactory
from core.actors import SYSTEM

pytestmark = pytest.mark.django_db

URL = "/api/v1/alerts"


@pytest.fixture
def staff() -> Client:
    return Client(headers={**api_key_header("staff"), "Accept-Language": "en"})


class TestList:
    def test_tells_the_latest_trouble_first(self, staff: Client) -> None:
        AdminAlertFactory.create()
        alert = alerts.raise_alert(
            "test.trouble:1", severity="critical", title="Trouble", body="More of it", payment="p-1"
        )

        answer = staff.get(URL)

        assert answer.status_code == 200
        moment = alert.last_seen_at.isoformat().replace("+00:00", "Z")
        assert answer.json()["results"][0] == {
            "id": str(alert.pk),
            "fingerprint": "test.trouble:1",
            "severity": "critical",
            "title": "Trouble",
            "body": "More of it",
            "context": {"payment": "p-1"},
            "count": 1,
            "status": "open",
            "acknowledged_by": "",
            "acknowledged_at": None,
            "first_seen_at": moment,
            "last_seen_at": moment,
        }

    def test_is_narrowed_by_status(self, staff: Client) -> None:
        left_open, taken = AdminAlertFactory.create(), AdminAlertFactory.create()
        alerts.acknowledge(alert_id=taken.pk, by=SYSTEM)

        def ids(status: str) -> list[str]:
            return [row["id"] for row in staff.get(URL, {"status": status}).json()["results"]]

        assert (ids("open"), ids("acknowledged"), ids("resolved")) == ([str(left_open.pk)], [str(taken.pk)], [])
        assert staff.get(URL, {"status": "forgotten"}).status_code == 400

    def test_speaks_the_readers_language(self, staff: Client) -> None:
        alerts.raise_alert("test.trouble:1", severity="critical", title="A job has failed for the last time.")
        said = [
            staff.get(URL, headers={"Accept-Language": language}).json()["results"][0]["title"]
            for language in ("en", "ru")
        ]
        assert said[0] == "A job has failed for the last time."
        assert said[1] != said[0]

    def test_is_for_staff(self) -> None:
        other = Client(headers=api_key_header("audit:read", "billing:write"))
        assert other.get(URL).json()["code"] == "auth.permission_denied"


class TestAcknowledging:
    def acknowledge(self, client: Client, alert_id: object) -> tuple[int, dict[str, object]]:
        answer = client.post(f"{URL}/{alert_id}/acknowledge", content_type="application/json")
        return answer.status_code, answer.json()

    def test_names_who_looks_after_it(self, staff: Client) -> None:
        alert = AdminAlertFactory.create()
        status, told = self.acknowledge(staff, alert.pk)

        assert status == 200
        alert.refresh_from_db()
        assert (told["status"], told["acknowledged_by"]) == ("acknowledged", alert.acknowledged_by)
        log = AuditLog.objects.get(action="audit.alert.acknowledged")
        assert (log.entity_id, log.metadata["door"]) == (str(alert.pk), "api")
        assert self.acknowledge(staff, alert.pk) == (200, told), "the second time changes nothing"

    @pytest.mark.django_db(transaction=True)
    def test_refuses_what_is_over_or_not_there(self, staff: Client) -> None:
        over = AdminAlertFactory.create()
        alerts.resolve(alert_id=over.pk, by=SYSTEM)
        before = AdminAlert.objects.filter(pk=over.pk).values().get()

        status, told = self.acknowledge(staff, over.pk)
        assert (status, told["code"]) == (409, "audit.alert_resolved")
        assert AdminAlert.objects.filter(pk=over.pk).values().get() == before
        for missing in (0, 10**15, 10**30):
            status, told = self.acknowledge(staff, missing)
            assert status == 404
        status, told = self.acknowledge(staff, 10**15)
        assert told["code"] == "audit.alert_not_found"
