"""Runtime settings over HTTP: read, changed one by one or together, masked, audited, in force within a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import StaffFactory, api_key_header
from accounts.tests.phones import enrolled
from accounts.tests.visitors import Visitor, told
from audit.models import AuditLog
from conftest import TestClock
from core import runtime_settings
from core.models import Setting
from core.tests import registries

# Refusals doom a transaction: each request has its own, as outside of tests.
pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/settings"
LIFETIME = "billing.invoice_lifetime_minutes"
MINIMUM = "billing.minimum_amount_rub"
SECRET = "core.some_secret"
CANARY = "canary-1f7e"


@pytest.fixture
def staff() -> Client:
    return Client(headers=api_key_header("staff", name="Console"))


@pytest.fixture(autouse=True)
def secret() -> Iterator[None]:
    """A secret setting, in a process that remembers nothing."""
    with registries.restored():
        runtime_settings.register(key=SECRET, value_type=str, default="", help_text="A token.", secret=True)
        runtime_settings.forget_cached()
        yield
    runtime_settings.forget_cached()


def patch(client: Client, key: str, /, **body: Any) -> Any:
    return client.patch(f"{URL}/{key}", body, content_type="application/json")


def bulk(client: Client, settings: Any, **body: Any) -> Any:
    return client.post(f"{URL}/bulk-update", {"settings": settings, **body}, content_type="application/json")


def test_tells_all_that_the_code_knows(staff: Client) -> None:
    listed = staff.get(URL).json()["results"]
    assert [each["key"] for each in listed] == [each.key for each in runtime_settings.definitions()]
    lifetime = next(each for each in listed if each["key"] == LIFETIME)
    assert lifetime == {
        "key": LIFETIME,
        "value": 1440,
        "default": 1440,
        "value_type": "integer",
        "minimum": 1,
        "maximum": 43_200,
        "choices": [],
        "is_secret": False,
        "help_text": str(runtime_settings.definition(LIFETIME).help_text),
        "changed_at": None,
        "changed_by": "",
    }
    assert lifetime == staff.get(f"{URL}/{LIFETIME}").json()


def test_changes_one_and_says_who(staff: Client) -> None:
    answer = patch(staff, LIFETIME, value=90, reason="A sale")
    assert answer.status_code == 200
    assert (answer.json()["value"], answer.json()["changed_by"]) == (90, "api_key:Console")
    assert staff.get(f"{URL}/{LIFETIME}").json() == answer.json()
    log = AuditLog.objects.get(entity_type="core.setting")
    assert (log.entity_id, log.actor["label"], log.metadata["reason"]) == (LIFETIME, "Console", "A sale")
    assert log.new_value is not None
    assert log.new_value["value"] == 90


def test_takes_money_as_money(staff: Client) -> None:
    assert patch(staff, MINIMUM, value={"amount": 500, "currency": "RUB"}).json()["value"] == {
        "amount": 500,
        "currency": "RUB",
    }


def test_a_reader_has_the_new_value_within_a_second(staff: Client) -> None:
    assert runtime_settings.get(LIFETIME) == 1440
    assert patch(staff, LIFETIME, value=91).status_code == 200
    # As another process sees it: this one's commit is not there to tell it.
    deadline = time.monotonic() + 1.2
    while runtime_settings.get(LIFETIME) != 91:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "value", [0, 43_201, True, 1.5, "90", None, [], {}, {"amount": 1, "currency": "RUB"}, 10**18], ids=repr
)
def test_refuses_what_does_not_fit(staff: Client, value: object) -> None:
    answer = patch(staff, LIFETIME, value=value)
    assert answer.status_code == 400
    assert answer.json()["code"] in {"core.setting_invalid", "common.validation_error"}
    assert not Setting.objects.exists()


def test_refuses_what_the_code_does_not_know(staff: Client) -> None:
    answers = [
        staff.get(f"{URL}/core.nothing"),
        patch(staff, "core.nothing", value=1),
        bulk(staff, {LIFETIME: 90, "core.nothing": 1}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "core.setting_unknown")] * 3
    assert not Setting.objects.exists()


def test_changes_several_or_none_and_names_what_does_not_fit(staff: Client) -> None:
    wrong = bulk(staff, {LIFETIME: 0, MINIMUM: 5, "core.done_jobs_kept_days": 7})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "core.setting_invalid")
    assert set(wrong.json()["errors"]) == {LIFETIME, MINIMUM}
    assert not Setting.objects.exists()
    right = bulk(staff, {LIFETIME: 90, "core.done_jobs_kept_days": 7})
    assert right.status_code == 200
    assert {each["key"]: each["value"] for each in right.json()["results"]} == {
        LIFETIME: 90,
        "core.done_jobs_kept_days": 7,
    }


@pytest.mark.parametrize("body", [{}, {"values": 1}, {"value": 90, "key": LIFETIME}, {"value": 90, "reason": 7}])
def test_refuses_a_body_of_another_shape(staff: Client, body: dict[str, object]) -> None:
    assert patch(staff, LIFETIME, **body).status_code == 400
    assert not Setting.objects.exists()


@pytest.mark.parametrize("settings", [[], "x", None, 7])
def test_refuses_a_bulk_of_another_shape(staff: Client, settings: object) -> None:
    assert bulk(staff, settings).status_code == 400


def test_never_shows_a_secret(staff: Client) -> None:
    assert staff.get(f"{URL}/{SECRET}").json()["value"] is None
    said = [patch(staff, SECRET, value=CANARY), staff.get(URL), staff.get(f"{URL}/{SECRET}")]
    assert said[0].json()["value"] == runtime_settings.MASK
    assert runtime_settings.get(SECRET) == CANARY
    assert all(CANARY not in answer.text for answer in said)
    assert CANARY not in str(list(AuditLog.objects.values()))
    refused = patch(staff, SECRET, value=CANARY * 1000)
    assert refused.status_code == 400
    assert CANARY not in refused.text


def test_people_show_their_factor_again_before_a_change(clock: TestClock) -> None:
    olga = StaffFactory.create(role="superadmin")
    phone, browser = enrolled(olga), Visitor()
    assert browser.logs_in(olga.login, otp=phone.shows()).status_code == 200
    clock.advance(minutes=10)
    assert browser.get(URL).status_code == 200
    needed = (403, "auth.step_up_required")
    one, many = {"value": 60}, {"settings": {"accounts.step_up_minutes": 60}}
    assert told(browser.patch(f"{URL}/accounts.step_up_minutes", one)) == needed
    assert told(browser.post(f"{URL}/bulk-update", many)) == needed
    assert not Setting.objects.exists()

    browser.verifies(phone.shows())
    assert browser.patch(f"{URL}/accounts.step_up_minutes", one).status_code == 200
    assert browser.client.post(
        f"{URL}/bulk-update",
        many,
        content_type="application/json",
        headers={"Authorization": f"Bearer {browser.access}"},
    ).json()["results"]


def test_servers_have_no_factor_to_show(staff: Client) -> None:
    enrolled(StaffFactory.create(role="superadmin"))
    assert patch(staff, "accounts.step_up_minutes", value=60).status_code == 200
