"""Alerts on their way to operators, and heads on their way to where nobody can rewrite them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from audit.models import AdminAlert, Delivery, Seal
from audit.operations import alerts, deliveries
from audit.tests.factories import AuditLogFactory, DeliveryFactory
from audit.tests.sealed import as_the_owner, seal_everything
from audit.tests.servers import BotApi, Smtp, bot_api, smtp
from conftest import TestClock
from core.actors import SYSTEM
from core.jobs import drain
from core.models import Job
from core.tests.guards import execute
from core.tests.racing import race

LOG: Final = "audit.auditlog"
MAIL: Final = {"user": "", "password": "", "security": ""}

raise_one = partial(alerts.raise_alert, "test.trouble:1", severity="critical", title="Trouble", body="More of it")


@pytest.fixture
def api(db: None) -> Iterator[BotApi]:
    """Telegram, configured for alerts."""
    with (
        bot_api() as served,
        override_settings(TELEGRAM_API_BASE=served.base, BOT_TOKEN="123:CANARY", ALERT_CHAT_ID="-100"),
    ):
        yield served


@pytest.fixture
def mail(db: None) -> Iterator[Smtp]:
    """E-mail, configured for alerts."""
    with (
        smtp() as served,
        override_settings(
            ALERT_EMAILS=["a@office.example"], MAIL_SERVER={"host": "127.0.0.1", "port": served.port, **MAIL}
        ),
    ):
        yield served


def tell() -> list[Delivery]:
    """Plan what there is to tell, and run what is due."""
    planned = deliveries.plan_alerts(by=SYSTEM)
    drain.run_due()
    return planned


def run_later(clock: TestClock, **later: float) -> None:
    clock.advance(**later)
    drain.run_due()


class TestAlerts:
    def test_reach_a_chat_and_mailboxes(self, api: BotApi, mail: Smtp) -> None:
        alert = raise_one(payment="p-1")
        tell()

        (text,) = api.texts
        assert "Trouble" in text
        assert "More of it" in text
        assert "payment: p-1" in text
        assert "Trouble" in mail.messages[0] or "=?utf-8?" in mail.messages[0]
        assert sorted(Delivery.objects.filter(alert_id=alert.pk).values_list("channel", "state", "attempts")) == [
            ("email", "sent", 1),
            ("telegram", "sent", 1),
        ]

    @pytest.mark.django_db
    def test_stay_at_home_where_nothing_is_configured(self) -> None:
        raise_one()
        assert tell() == []
        assert not Job.objects.exists()

    def test_are_told_of_once(self, api: BotApi, clock: TestClock) -> None:
        raise_one()
        tell()
        clock.advance(minutes=5)
        assert tell() == []
        assert len(api.asked) == 1

    def test_are_told_of_at_most_once_a_minute_and_then_with_their_count(self, api: BotApi, clock: TestClock) -> None:
        raise_one()
        tell()
        for _time in range(3):
            raise_one()
            clock.advance(seconds=19)
            assert tell() == []
        clock.advance(seconds=4)
        tell()

        assert len(api.asked) == 2
        assert "4" in api.texts[1].splitlines()[-1]

    def test_of_one_fingerprint_share_their_minute(self, api: BotApi, clock: TestClock) -> None:
        alerts.resolve(alert_id=raise_one().pk, by=SYSTEM)
        raise_one()
        assert len(tell()) == 1, "what is resolved is no news"
        alerts.resolve(alert_id=AdminAlert.objects.latest("id").pk, by=SYSTEM)
        raise_one()
        assert tell() == []
        clock.advance(seconds=61)
        assert len(tell()) == 1

    def test_that_somebody_looks_after_are_left_alone(self, api: BotApi) -> None:
        alerts.acknowledge(alert_id=raise_one().pk, by=SYSTEM)
        raise_one()
        assert tell() == []

    def test_are_not_dug_out_after_a_day(self, api: BotApi, clock: TestClock) -> None:
        raise_one()
        clock.advance(days=1, seconds=1)
        assert tell() == []

    def test_in_a_storm_go_out_gravest_first(self, api: BotApi, clock: TestClock) -> None:
        for number in range(25):
            alerts.raise_alert(f"test.storm:{number}", severity="info", title="Wind")
        raise_one()

        told = deliveries.plan_alerts(by=SYSTEM)
        assert len(told) == deliveries.PER_MINUTE
        assert told[0].fingerprint == "test.trouble:1"
        clock.advance(seconds=61)
        assert len(deliveries.plan_alerts(by=SYSTEM)) == 26 - deliveries.PER_MINUTE


@pytest.mark.django_db(transaction=True)
class TestPlanningAtOnce:
    def test_tells_once(self, api: BotApi) -> None:
        raise_one()
        planned = race(*[partial(deliveries.plan_alerts, by=SYSTEM)] * 4)
        assert sorted(map(len, planned)) == [0, 0, 0, 1]


class TestFaults:
    @pytest.mark.parametrize("fault", ["500", "html", "cut"])
    def test_are_tried_again_until_it_gets_through(self, api: BotApi, clock: TestClock, fault: str) -> None:
        api.faults = [fault, fault]
        raise_one()
        tell()
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert delivery.error
        assert "CANARY" not in delivery.error

        run_later(clock, seconds=60)
        run_later(clock, seconds=60)

        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.error) == ("sent", 3, "")
        assert delivery.finished_at is not None

    def test_that_ask_for_a_pause_get_it(self, api: BotApi, clock: TestClock) -> None:
        api.faults = ["429"]
        raise_one()
        tell()
        run_later(clock, seconds=20)
        assert len(api.asked) == 1, "35 seconds were asked for"

        run_later(clock, seconds=40)
        assert len(api.asked) == 2
        assert Delivery.objects.get().state == "sent"

    def test_that_no_try_would_mend_end_it_at_once(self, api: BotApi) -> None:
        api.faults = ["403"]
        raise_one()
        tell()
        assert (Delivery.objects.get().state, len(api.asked)) == ("failed", 1)
        assert Job.objects.get(name="audit.deliver").state == "done"

    def test_that_last_end_it_without_a_dead_letter(self, api: BotApi, clock: TestClock) -> None:
        api.faults = ["500"] * 100
        raise_one()
        tell()
        for _time in range(deliveries.MOST_ATTEMPTS + 2):
            run_later(clock, hours=1)

        assert Delivery.objects.get().state == "failed"
        assert len(api.asked) == deliveries.MOST_ATTEMPTS
        assert Job.objects.get(name="audit.deliver").state == "done", "an alert about it would take the same way"
        assert AdminAlert.objects.count() == 1

    def test_of_one_way_do_not_hold_up_the_other(self, api: BotApi, mail: Smtp) -> None:
        api.faults = ["500"]
        raise_one()
        tell()
        assert len(mail.messages) == 1

    def test_of_mail_are_tried_again(self, mail: Smtp, clock: TestClock) -> None:
        mail.faults = [{"RCPT": "450 later"}]
        raise_one()
        tell()
        run_later(clock, seconds=60)
        assert len(mail.messages) == 1
        assert Delivery.objects.get().state == "sent"

    def test_after_the_call_lead_to_no_second_message(self, api: BotApi) -> None:
        """The job is run twice, as after a lost lease."""
        raise_one()
        tell()
        Job.objects.filter(name="audit.deliver").update(state="queued", finished_at=None, attempts=0)
        drain.run_due()
        assert len(api.asked) == 1


@pytest.mark.django_db
def test_what_was_delivered_long_ago_is_forgotten(clock: TestClock) -> None:
    DeliveryFactory.create()
    clock.advance(days=91)
    DeliveryFactory.create()
    assert deliveries.purge_old(by=SYSTEM) == 1
    assert Delivery.objects.count() == 1


class TestHeads:
    @pytest.fixture
    def heads(self, db: None, tmp_path: Path) -> Iterator[Path]:
        path = tmp_path / "heads"
        with override_settings(ANCHOR_FILE=str(path)):
            yield path

    def publish(self) -> None:
        deliveries.plan_heads(by=SYSTEM)
        drain.run_due()

    def test_go_to_a_file_and_a_chat(self, heads: Path, api: BotApi, clock: TestClock) -> None:
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        with override_settings(ANCHOR_CHAT_ID="-200"):
            self.publish()

        head = Seal.objects.filter(chain=LOG).latest("number")
        (line,) = heads.read_text().splitlines()
        assert line.split()[1:] == [LOG, str(head.number), str(head.until), head.hash]
        ((_path, body),) = api.asked
        assert (body["chat_id"], line in body["text"]) == ("-200", True)

    def test_are_nothing_before_the_first_seal(self, heads: Path) -> None:
        self.publish()
        assert not heads.exists()

    def test_show_that_a_chain_was_made_anew(self, heads: Path, clock: TestClock) -> None:
        """What no chain can show by itself: rows and all their seals were replaced by others that fit."""
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        self.publish()
        call_command("verify_audit", heads=heads, stdout=io.StringIO())

        with as_the_owner("audit_auditlog"), as_the_owner("audit_seal"):
            execute("UPDATE audit_auditlog SET action = 'x'")
            execute("DELETE FROM audit_seal")
        seal_everything(LOG, clock)
        call_command("verify_audit", stdout=io.StringIO())

        complained: Any = io.StringIO()
        with pytest.raises(CommandError):
            call_command("verify_audit", heads=heads, stdout=io.StringIO(), stderr=complained)
        assert heads.read_text().strip() in complained.getvalue()
