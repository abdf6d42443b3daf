"""What the database itself refuses about announcements, and about where and how they are sent."""

from __future__ import annotations

from typing import Final

import pytest

from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.operations import webhook_endpoints
from billing.tests.factories import TESTER, AnnouncementFactory, WebhookDeliveryFactory, WebhookEndpointFactory
from core.ids import uuid7
from core.tests.guards import (
    SOME_MOMENT,
    Case,
    Change,
    Copy,
    Delete,
    GuardTests,
    Id,
    Rows,
    TruncationTests,
    execute,
)
from core.tests.made_once import made_once

STATES: Final = "billing_webhookdelivery_state_fits_its_moments"
DELIVERED: Final = {"state": "delivered", "delivered_at": SOME_MOMENT, "next_attempt_at": None}
DEAD: Final = {"state": "dead", "next_attempt_at": None}
LATER: Final = {"next_attempt_at": SOME_MOMENT}

CASES: Final = [
    Case(
        "billing_announcement_is_made_once",
        Copy("announcement", {"id": uuid7()}),
        Copy("announcement", {"id": uuid7(), "type": "tokens.expiring"}),
    ),
    Case(
        "billing_announcement_has_a_type",
        Copy("announcement", {"id": uuid7(), "type": ""}),
        Copy("announcement", {"id": uuid7(), "once": None}),
    ),
    Case(
        "billing_announcement_is_append_only",
        Change("announcement", {"payload": "{}"}),
        Copy("announcement", {"id": uuid7(), "once": None}),
    ),
    Case(
        "billing_announcement_is_append_only",
        Delete("announcement"),
        Copy("announcement", {"id": uuid7(), "once": None}),
    ),
    Case(
        "billing_webhookendpoint_has_an_address",
        Change("endpoint", {"url": ""}),
        Change("endpoint", {"url": "https://other.example"}),
    ),
    Case(
        "billing_webhookendpoint_is_told_of_something",
        Change("endpoint", {"events": "[]"}),
        Change("endpoint", {"events": '["wallet.low"]'}),
    ),
    *(
        Case(
            "billing_webhookendpoint_previous_secret_has_an_end",
            Change("endpoint", values),
            Change("endpoint", {"previous_secret": b"x", "previous_secret_ends_at": SOME_MOMENT}),
        )
        for values in ({"previous_secret": b"x"}, {"previous_secret_ends_at": SOME_MOMENT})
    ),
    Case(
        "billing_webhookendpoint_removed_is_not_active",
        Change("endpoint", {"removed_at": SOME_MOMENT}),
        Change("endpoint", {"removed_at": SOME_MOMENT, "is_active": False}),
    ),
    Case(
        "billing_webhookendpoint_is_removed_for_good",
        Change("removed", {"removed_at": None}),
        Change("endpoint", {"is_active": False}),
    ),
    *(
        Case("billing_webhookendpoint_is_frozen", Change("endpoint", values), Change("endpoint", {"is_active": False}))
        for values in ({"id": uuid7()}, {"created_at": SOME_MOMENT})
    ),
    Case("billing_webhookendpoint_is_never_deleted", Delete("endpoint"), Change("endpoint", {"is_active": False})),
    Case(
        "billing_webhookdelivery_is_one_per_endpoint",
        Copy("delivery", {"id": uuid7()}),
        Copy("delivery", {"id": uuid7(), "endpoint_id": Id("endpoint")}),
    ),
    *(
        Case(STATES, Change("delivery", values), Change("delivery", neighbour))
        for values, neighbour in (
            ({"state": "lost"}, DEAD),
            ({"next_attempt_at": None}, LATER),
            ({"delivered_at": SOME_MOMENT}, DELIVERED),
            ({**DELIVERED, "delivered_at": None}, DELIVERED),
            ({**DELIVERED, "next_attempt_at": SOME_MOMENT}, DELIVERED),
            ({**DELIVERED, "lease": str(uuid7())}, DELIVERED),
            ({**DEAD, "delivered_at": SOME_MOMENT}, DEAD),
            ({**DEAD, "lease": str(uuid7())}, DEAD),
        )
    ),
    *(
        Case("billing_webhookdelivery_is_frozen", Change("delivery", values), Change("delivery", LATER))
        for values in (
            {"announcement_id": Id("announcement")},
            {"endpoint_id": Id("endpoint")},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case(
        "billing_webhookdelivery_attempts_are_never_taken_back",
        Change("tried", {"attempts": 0}),
        Change("tried", {"attempts": 2}),
    ),
    Case("billing_webhookdelivery_is_never_deleted", Delete("delivery"), Change("delivery", DEAD)),
]


@made_once
def rows() -> Rows:
    removed = WebhookEndpointFactory.create()
    webhook_endpoints.remove(endpoint_id=removed.pk, by=TESTER)
    delivery, tried = WebhookDeliveryFactory.create(), WebhookDeliveryFactory.create()
    execute("UPDATE billing_webhookdelivery SET attempts = 1 WHERE id = %s", tried.pk)
    return {
        "announcement": AnnouncementFactory.create(kind="invoice.paid", once="this"),
        "endpoint": WebhookEndpointFactory.create(events=["trial.started"]),
        "removed": removed,
        "delivery": delivery,
        "tried": tried,
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestAnnouncementGuards(GuardTests):
    pass


RECORDS: Final = [
    Record("billing_webhookendpoint_is_audited", Copy("endpoint", {"id": uuid7()}), "billing.webhookendpoint.created"),
    Record("billing_webhookendpoint_is_audited", Change("endpoint", {"url": "x"}), "billing.webhookendpoint.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize(
    "guard",
    [
        "billing_announcement_is_never_truncated",
        "billing_webhookendpoint_is_never_truncated",
        "billing_webhookdelivery_is_never_truncated",
    ],
)
class TestTruncation(TruncationTests):
    pass
