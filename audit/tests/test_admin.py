"""The pages of the audit log and of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from audit.admin.wording import changes_of, deed_in_words, needs_currency
from audit.models import AdminAlert, AuditLog, Seal, SystemLog
from audit.operations import alerts
from audit.tasks import verify_seals
from audit.tests.factories import AdminAlertFactory, AuditLogFactory, DeliveryFactory, SystemLogFactory
from audit.tests.sealed import as_the_owner, seal_everything
from conftest import TestClock
from core.actors import SYSTEM
from core.database_roles import as_owner
from core.tests.guards import execute
from core.tests.operators import Operator, errors_of

pytestmark = pytest.mark.django_db


def record(**fields: Any) -> AuditLog:
    found: AuditLog = AuditLogFactory.create(**fields)
    return found


def listed(operator: Operator, **query: object) -> list[AuditLog]:
    answer = operator.list(AuditLog, **query)
    assert answer.status_code == 200, answer.headers.get("Location")
    return list(answer.context["cl"].result_list)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


class TestTheDiff:
    def test_names_fields_and_reads_values_as_people_do(self) -> None:
        row = record(
            entity_type="billing.tariff",
            action="billing.tariff.updated",
            old_value={"price": 14900, "is_active": True, "audience": "user", "tokens": 5000},
            new_value={"price": 19950, "is_active": False, "audience": "company", "tokens": None},
        )
        assert needs_currency(row)
        told = {change.name: (change.old, change.new) for change in changes_of(row, currency="RUB")}
        assert told == {
            "price": ("149\u00a0₽", "199,50\u00a0₽"),
            "on sale": ("yes", "no"),
            "for whom": ("people", "companies"),
            "tokens": ("5\u00a0000", ""),
        }

    def test_takes_each_side_s_own_currency(self) -> None:
        row = record(
            entity_type="billing.tariff",
            old_value={"price": 14900, "currency": "RUB"},
            new_value={"price": 300, "currency": "JPY"},
        )
        told = {change.name: (change.old, change.new) for change in changes_of(row)}
        assert told["price"] == ("149\u00a0₽", "300\u00a0JPY")
        assert not needs_currency(row)

    def test_reads_what_belongs_to_no_model(self) -> None:
        row = record(
            old_value={"roles": ["viewer"]}, new_value={"roles": [], "how_much": {"amount": 5, "currency": "XTR"}}
        )
        told = {change.name: (change.old, change.new) for change in changes_of(row)}
        assert told == {"roles": ("viewer", ""), "how_much": ("", "5\u00a0⭐")}

    def test_calls_a_deed_without_words_by_its_code(self) -> None:
        assert deed_in_words("audit.alert.resolved") == "Resolved"
        assert deed_in_words("billing.tariff.updated") == "Changed"
        assert deed_in_words("some.thing.done") == "some.thing.done"


class TestTheRecordsPage:
    def test_shows_old_and_new_side_by_side_with_all_circumstances(self) -> None:
        staff = Operator().user
        row = record(
            user_id=staff.pk,
            actor={"kind": "user", "id": str(staff.pk), "label": "olga"},
            action="accounts.company.updated",
            entity_type="accounts.company",
            entity_id="01980f2a-3b4c-7d5e-8f90-123456789abc",
            old_value={"name": "<i>Old</i>"},
            new_value={"name": "New"},
            metadata={
                "reason": "they asked",
                "door": "admin",
                "request_id": "r" * 32,
                "ip": "192.0.2.7",
                "ticket": "T-1",
            },
        )
        text = Operator("viewer").page(row).content.decode()
        for told in (
            "<del>&lt;i&gt;Old&lt;/i&gt;</del>",
            "<ins>New</ins>",
            "olga",
            f"/admin/accounts/user/{staff.pk}/change/",
            "/admin/accounts/company/01980f2a-3b4c-7d5e-8f90-123456789abc/change/",
            "they asked",
            "r" * 32,
            "192.0.2.7",
            "T-1",
        ):
            assert told in text
        assert "<i>Old</i>" not in text

    def test_lists_the_other_records_of_its_request(self) -> None:
        one, other = (record(entity_id=each, metadata={"request_id": "q" * 32}) for each in ("one", "other"))
        record(entity_id="stranger", metadata={"request_id": "p" * 32})
        panel = next(each for each in Operator().page(one).context["panels"] if "request" in str(each.title))
        assert len(panel.rows) == 1
        assert f"/{other.pk}/change/" in str(panel.rows[0][0])

    def test_says_nothing_of_things_that_have_no_page(self) -> None:
        page = Operator().page(record(entity_type="billing.demo", entity_id="demo"))
        assert page.status_code == 200
        assert b"/billing/demo/" not in page.content


class TestTheList:
    def test_is_narrowed_as_the_api_s(self) -> None:
        operator = Operator()
        person = operator.user.pk
        AuditLogFactory.create_batch(2)
        mine = record(entity_type="billing.tariff", entity_id="17", action="billing.tariff.updated", user_id=person)
        assert listed(operator, entity_type="billing.tariff") == [mine]
        assert listed(operator, entity_type="billing.tariff", entity_id="17") == [mine]
        assert listed(operator, entity_id="17") == [mine]
        assert listed(operator, user=person) == [mine]
        assert listed(operator, action="billing.tariff.updated") == [mine]
        assert listed(operator, user="no id", action="billing.tariff.updated") == []

    def test_is_narrowed_by_who_did_it_whoever_stands_behind_it(self) -> None:
        operator = Operator()
        person = str(operator.user.pk)
        acting = {
            "user": record(user_id=person, actor={"kind": "user", "id": person, "label": "olga"}),
            "shell": record(user_id=person, actor={"kind": "shell", "id": person, "label": "olga"}),
            "api_key": record(user_id=person, actor={"kind": "api_key", "id": "key-1", "label": "Bot"}),
            "job": record(user_id=person, actor={"kind": "job", "id": "core.tick", "label": "core.tick"}),
            "system": record(actor={"kind": "system", "id": "provider:stripe", "label": "Stripe"}),
        }
        for kind, row in acting.items():
            assert listed(operator, actor_kind=kind, action="test.thing.done") == [row]
        assert listed(operator, actor_id="key-1") == [acting["api_key"]]
        assert listed(operator, actor_id="core.tick", action="test.thing.done") == [acting["job"]]
        assert listed(operator, actor_id=person, actor_kind="shell") == [acting["shell"]]
        assert listed(operator, actor_id="key-1", actor_kind="job") == []

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            ({"actor_kind": "shell"}, "audit_auditlog_by_kind"),
            ({"actor_id": "key-1"}, "audit_auditlog_by_actor"),
            ({"actor_kind": "api_key", "actor_id": "key-1"}, "audit_auditlog_by_actor"),
        ],
        ids=str,
    )
    def test_reads_who_did_it_from_an_index_in_the_list_s_order(self, query: dict[str, str], index: str) -> None:
        execute(
            "INSERT INTO audit_auditlog (actor, action, entity_type, entity_id, metadata) "
            "SELECT jsonb_build_object('kind', CASE WHEN mod(n, 100) = 0 THEN 'shell' ELSE 'api_key' END, "
            "'id', 'key-' || mod(n, 200), 'label', 'x'), 'test.thing.done', 'test.thing', n::text, '{}' "
            "FROM generate_series(1, 5000) n"
        )
        operator = Operator("viewer")
        with CaptureQueriesContext(connection) as captured:
            assert len(listed(operator, **query)) >= 25
        [asked] = [each["sql"] for each in captured if 'FROM "audit_auditlog"' in each["sql"]]
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("ANALYZE audit_auditlog")
            # What the planner would make of a table that is longer than a test's.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {asked}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert index in plan, plan
        assert "Sort" not in plan, plan

    def test_is_narrowed_by_days_of_the_house_s_time_zone(self) -> None:
        def at(day: str) -> AuditLog:
            return record(action="test.thing.done", created_at=datetime.fromisoformat(f"{day}T12:00:00+03:00"))

        first, second, _third = at("2026-01-30"), at("2026-01-31"), at("2026-02-01")
        found = listed(
            Operator(), action="test.thing.done", created_at_since="2026-01-30", created_at_until="2026-01-31"
        )
        assert found == [second, first]

    def test_is_searched_by_whatever_was_pasted(self) -> None:
        operator = Operator()
        AuditLogFactory.create_batch(2)
        mine = record(
            user_id="01980f2a-3b4c-7d5e-8f90-123456789abc",
            action="billing.wallet.frozen",
            entity_type="billing.wallet",
            entity_id="01980f2a-0000-7000-8000-123456789abc",
            metadata={"request_id": "s" * 32},
        )
        for term in ("billing.wallet.frozen", mine.entity_id, str(mine.user_id), "s" * 32):
            assert listed(operator, q=term) == [mine], term

    def test_turns_its_pages_by_keyset(self) -> None:
        operator = Operator()
        AuditLogFactory.create_batch(60, action="test.thing.done")
        first = operator.list(AuditLog, action="test.thing.done").context["cl"]
        assert len(first.result_list) == 50
        second = operator.client.get(f"/admin/audit/auditlog/{first.paginator.next_url}").context["cl"]
        assert len(second.result_list) == 10
        back = operator.client.get(f"/admin/audit/auditlog/{second.paginator.previous_url}").context["cl"]
        assert back.result_list == first.result_list


class TestHistoryBesideThings:
    def test_tells_who_changed_what_and_why(self) -> None:
        operator = Operator()
        other = Operator("viewer").user
        operator.do(other, "keep-out", reason="left us")
        newest, *_older = operator.page(other).context["history"]
        assert (newest.who, newest.reason, newest.deed) == (operator.login, "left us", "Kept out")

    def test_keeps_out_what_is_masked(self) -> None:
        user = get_user_model()._default_manager.create(telegram_id=7, first_name="Aurelia")
        user.first_name = "Bernarda"
        user.save()
        row = AuditLog.objects.get(entity_type="accounts.user", entity_id=str(user.pk), action="accounts.user.updated")
        text = Operator().page(row).content.decode()
        assert "first name" in text
        assert "Aurelia" not in text
        assert "Bernarda" not in text


class TestAlerts:
    def test_are_acknowledged_with_the_operator_s_name(self) -> None:
        alert, operator = AdminAlertFactory.create(), Operator("support")
        assert operator.do(alert, "acknowledge", reason="calling the bank").status_code == 302
        alert.refresh_from_db()
        assert (alert.status, alert.acknowledged_by) == ("acknowledged", operator.login)
        deed = AuditLog.objects.get(action="audit.alert.acknowledged")
        assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "calling the bank")

    def test_are_resolved_with_a_reason_only(self) -> None:
        alert, operator = AdminAlertFactory.create(), Operator("operator")
        assert "reason" in errors_of(operator.do(alert, "resolve", reason=""))
        assert AdminAlert.objects.get().status == "open"
        assert operator.do(alert, "resolve", reason="paid back").status_code == 302
        assert AdminAlert.objects.get().status == "resolved"
        assert AuditLog.objects.get(action="audit.alert.resolved").metadata["reason"] == "paid back"

    @pytest.mark.django_db(transaction=True)
    def test_that_are_over_are_not_acknowledged(self) -> None:
        alert = AdminAlertFactory.create(status="resolved", acknowledged_at=timezone.now())
        said = errors_of(Operator().do(alert, "acknowledge", reason=""))
        assert said["__all__"] == ["The alert has been resolved already."]
        assert AdminAlert.objects.get().status == "resolved"

    def test_are_left_alone_by_those_who_only_read(self) -> None:
        alert, viewer = AdminAlertFactory.create(), Operator("viewer")
        assert viewer.page(alert).status_code == 200
        for deed in ("acknowledge", "resolve"):
            assert viewer.do(alert, deed, reason="curious").status_code == 403
        assert AdminAlert.objects.get().status == "open"

    def test_show_the_open_ones_first_and_the_others_on_request(self) -> None:
        open_one = AdminAlertFactory.create()
        over = AdminAlertFactory.create(status="resolved", acknowledged_at=timezone.now())
        operator = Operator("viewer")
        assert list(operator.list(AdminAlert).context["cl"].result_list) == [open_one]
        assert list(operator.list(AdminAlert, view="resolved").context["cl"].result_list) == [over]
        assert len(operator.list(AdminAlert, view="all").context["cl"].result_list) == 2

    def test_tell_how_often_they_were_met(self) -> None:
        for _time in range(3):
            alert = alerts.raise_alert(
                "test.some", severity="critical", title="Trouble", body="<b>more</b>", invoice="17"
            )
        page = Operator().page(alert)
        facts = {str(name): str(value) for name, value in page.context["facts"]}
        assert facts["times"] == "3"
        assert "17" in facts["about"]
        assert b"<b>more</b>" not in page.content

    def test_are_counted_beside_their_page_up_to_99(self) -> None:
        operator = Operator("viewer")
        for many, shown in ((0, None), (3, "3"), (99, "99"), (100, "99+"), (140, "99+")):
            AdminAlertFactory.create_batch(many - AdminAlert.objects.count())
            groups = operator.list(AuditLog).context["sidebar_navigation"]
            [item] = [each for group in groups for each in group["items"] if "adminalert" in str(each["link"])]
            assert item.get("badge") == shown


class TestSeals:
    def test_tell_how_far_history_is_sealed_and_whether_it_fits(self, clock: TestClock) -> None:
        operator = Operator("viewer")
        record()
        seal_everything("audit.auditlog", clock)
        answer = operator.list(Seal)
        assert "State of the chains" in answer.content.decode()
        assert "as it was sealed" not in answer.content.decode()

        verify_seals(by=SYSTEM)
        assert "as it was sealed" in operator.list(Seal).content.decode()

        row = record()
        seal_everything("audit.auditlog", clock)
        with as_the_owner("audit_auditlog"):
            execute("UPDATE audit_auditlog SET action = 'x' WHERE id = %s::bigint", row.pk)
        verify_seals(by=SYSTEM)
        assert f"строка {row.pk} изменена после запечатывания" in operator.list(Seal).content.decode(), "as it is kept"

    def test_show_their_whole_hash(self, clock: TestClock) -> None:
        record()
        seal_everything("audit.auditlog", clock)
        seal = Seal.objects.latest("id")
        page = Operator("viewer").page(seal).content.decode()
        assert seal.hash in page
        assert seal.previous in page


class TestSystemLog:
    def test_is_narrowed_by_level_source_and_fingerprint(self) -> None:
        SystemLogFactory.create(level="error", source="core.jobs.runner", fingerprint="a" * 32)
        SystemLogFactory.create(level="warning", source="other", fingerprint="b" * 32)
        operator = Operator("viewer")
        for query in (
            {"level__exact": "error"},
            {"source": "core.jobs.runner"},
            {"fingerprint": "a" * 32},
            {"q": "a" * 32},
            {"q": "core.jobs.runner"},
        ):
            found = list(operator.list(SystemLog, **query).context["cl"].result_list)
            assert [row.source for row in found] == ["core.jobs.runner"], query

    def test_shows_what_was_logged_as_text(self) -> None:
        hostile = "<script>alert(1)</script>"
        row = SystemLogFactory.create(message=hostile, source=hostile, context={"exception": hostile, hostile: hostile})
        page = Operator("viewer").page(row).content.decode()
        assert hostile not in page
        assert "&lt;script&gt;alert(1)" in page


def test_an_alert_tells_what_became_of_its_messages() -> None:
    alert = AdminAlertFactory.create()
    DeliveryFactory.create(alert_id=alert.pk, state="failed", finished_at=timezone.now(), attempts=8)
    page = Operator("viewer").page(alert).content.decode()
    assert "given up" in page
    assert "Telegram" in page
