"""What the database itself refuses about subscriptions, their periods and trials."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
from django.db import connection, transaction

from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.models import SubscriptionPeriod
from billing.tests.factories import InvoiceFactory, PlanFactory, SubscriptionFactory, TrialFactory, WalletFactory
from billing.tests.races import lined_up, without
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
    check_deferred,
    execute,
    refused_by,
    switch_off,
)
from core.tests.made_once import made_once

LATER: Final = "2036-01-31T12:00:00Z"
STATUS: Final = "billing_subscription_status_fits_its_moments"
CANCELLED: Final = "billing_subscription_cancelled_has_a_moment"
AGREEMENT: Final = "billing_subscription_agreement_is_whole"
# Another wallet's, so that nothing but the row itself is asked about.
AGREED: Final = {"agreement_provider": "till", "agreement_id": "pm-1"}
NEW: Final = {"id": uuid7(), "wallet_id": Id("other wallet")}
ENDED: Final = {"status": "expired", "ended_at": SOME_MOMENT}
PENDING: Final = {
    "status": "pending",
    **dict.fromkeys(("started_at", "current_period_start", "current_period_end", "ends_at")),
}
PERIOD: Final = {
    "id": uuid7(),
    "number": 7,
    "invoice_id": Id("other invoice"),
    "starts_at": LATER,
    "ends_at": "2036-02-01T12:00:00Z",
}
TRIAL: Final = {"id": uuid7(), "wallet_id": Id("other wallet"), "subscription_id": Id("running")}

CASES: Final = [
    Case(
        "billing_subscription_is_one_per_wallet_and_family",
        Copy("running", {"id": uuid7()}),
        Copy("running", {"id": uuid7(), **ENDED}),
    ),
    Case(
        "billing_subscription_is_one_per_wallet_and_family",
        Copy("running", {"id": uuid7(), **PENDING}),
        Copy("running", {"id": uuid7(), "family": "another"}),
    ),
    Case("billing_subscription_has_a_family", Copy("running", {**NEW, "family": ""}), Copy("running", NEW)),
    *(
        Case(STATUS, Copy("running", {**NEW, **values}), Copy("running", {**NEW, **neighbour}))
        for values, neighbour in (
            ({"status": "sleeping"}, {"status": "past_due"}),
            ({"status": "pending"}, PENDING),
            ({**PENDING, "ended_at": SOME_MOMENT}, PENDING),
            ({"ended_at": SOME_MOMENT}, ENDED),
            ({"status": "expired"}, ENDED),
            ({"ends_at": None}, {}),
            ({"started_at": None}, {}),
            ({"current_period_start": None}, {}),
        )
    ),
    Case(
        "billing_subscription_period_ends_after_it_begins",
        Copy("running", {**NEW, "current_period_start": LATER, "current_period_end": LATER}),
        Copy("running", {**NEW, "current_period_start": SOME_MOMENT, "current_period_end": LATER}),
    ),
    *(
        Case(CANCELLED, Copy("running", {**NEW, **values}), Copy("running", {**NEW, **neighbour}))
        for values, neighbour in (
            ({"status": "cancelled"}, {"status": "active"}),
            (
                {"status": "cancelled", "cancel_at_period_end": True},
                {"status": "cancelled", "cancel_at_period_end": True, "cancelled_at": SOME_MOMENT},
            ),
            ({"cancelled_at": SOME_MOMENT}, {"cancelled_at": None}),
            (
                {"cancel_at_period_end": True, "cancelled_at": SOME_MOMENT},
                {**ENDED, "cancel_at_period_end": True, "cancelled_at": SOME_MOMENT},
            ),
        )
    ),
    *(
        Case(
            "billing_subscription_anchor_is_a_day_of_a_month",
            Copy("running", {**NEW, "anchor_day": day}),
            Copy("running", {**NEW, "anchor_day": near}),
        )
        for day, near in ((0, 1), (32, 31), (32, None))
    ),
    *(
        Case(AGREEMENT, Copy("running", {**NEW, **values}), Copy("running", {**NEW, **AGREED}))
        for values in ({"agreement_provider": "till"}, {"agreement_id": "pm-1"})
    ),
    *(
        Case(guard, Copy("running", {**NEW, column: -1}), Copy("running", {**NEW, column: 1}))
        for guard, column in (
            ("billing_subscription_grace_days_check", "grace_days"),
            ("billing_subscription_reminded_days_check", "reminded_days"),
        )
    ),
    Case(
        "billing_subscription_anchor_day_check",
        Copy("running", {**NEW, "anchor_day": -1}),
        Copy("running", {**NEW, "anchor_day": 1}),
        in_front=("billing_subscription_anchor_is_a_day_of_a_month",),
    ),
    *(
        Case("billing_subscription_is_frozen", Change("running", values), Change("running", {"renews_at": None}))
        for values in ({"wallet_id": Id("other wallet")}, {"family": "else"}, {"created_at": SOME_MOMENT})
    ),
    Case(
        "billing_subscription_ends_once",
        Change("ended", {"renews_at": SOME_MOMENT}),
        Change("running", {"renews_at": SOME_MOMENT}),
    ),
    Case("billing_subscription_is_never_deleted", Delete("bare"), Change("bare", {"renews_at": None})),
    Case(
        "billing_subscriptionperiod_number_is_unique",
        Copy("period", {**PERIOD, "number": 1}),
        Copy("period", PERIOD),
    ),
    Case(
        "billing_subscriptionperiod_is_one_per_invoice",
        Copy("period", {key: value for key, value in PERIOD.items() if key != "invoice_id"}),
        Copy("removed", {key: value for key, value in PERIOD.items() if key != "invoice_id"} | {"removed_at": None}),
    ),
    Case(
        "billing_subscriptionperiod_has_one_trial",
        Copy("trial period", {**PERIOD, "invoice_id": None}),
        Copy("trial period", PERIOD),
    ),
    Case(
        "billing_subscriptionperiod_ends_after_it_begins",
        Copy("period", {**PERIOD, "ends_at": LATER}),
        Copy("period", PERIOD),
    ),
    *(
        Case(
            "billing_subscriptionperiod_rate_is_not_negative",
            Copy("period", {**PERIOD, **values}),
            Copy("period", {**PERIOD, "rate_amount": 0, "rate_seconds": 1}),
        )
        for values in ({"rate_amount": -1}, {"rate_seconds": 0})
    ),
    *(
        Case(guard, Copy("period", {**PERIOD, column: -1}), Copy("period", {**PERIOD, column: 5}))
        for guard, column in (
            ("billing_subscriptionperiod_number_check", "number"),
            ("billing_subscriptionperiod_months_check", "months"),
        )
    ),
    *(
        Case(
            "billing_subscriptionperiod_is_frozen",
            Change("period", values),
            Change("period", {"removed_at": SOME_MOMENT}),
        )
        for values in (
            {"invoice_id": Id("other invoice")},
            {"subscription_id": Id("bare")},
            {"number": 5},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case(
        "billing_subscriptionperiod_is_taken_back_once",
        Change("removed", {"removed_at": None}),
        Change("period", {"removed_at": SOME_MOMENT}),
    ),
    Case(
        "billing_subscriptionperiod_is_never_deleted",
        Delete("period"),
        Change("period", {"removed_at": SOME_MOMENT}),
    ),
    Case(
        "billing_trial_is_one_per_owner_and_family",
        Copy("trial", TRIAL),
        Copy("trial", {**TRIAL, "owner_hash": "\\x00"}),
    ),
    Case(
        "billing_trial_is_one_per_wallet_and_family",
        Copy("trial", {"id": uuid7(), "subscription_id": Id("running"), "owner_hash": "\\x00"}),
        Copy("trial", {"id": uuid7(), "subscription_id": Id("running"), "owner_hash": "\\x00", "family": "else"}),
    ),
    Case(
        "billing_trial_subscription_id_key",
        Copy("trial", {"id": uuid7(), "family": "else"}),
        Copy("trial", {"id": uuid7(), "family": "else", "subscription_id": Id("running")}),
    ),
    Case(
        "billing_trial_is_append_only", Change("trial", {"tokens": 7}), Copy("trial", {**TRIAL, "owner_hash": "\\x00"})
    ),
    Case("billing_trial_is_append_only", Delete("trial"), Copy("trial", {**TRIAL, "owner_hash": "\\x00"})),
]


@made_once
def rows() -> Rows:
    running = SubscriptionFactory.create(periods=2)
    period, removed = running.periods.order_by("number")
    removed.removed_at = removed.starts_at
    removed.save()
    ended, bare = SubscriptionFactory.create(), SubscriptionFactory.create()
    execute("UPDATE billing_subscription SET status = 'expired', ended_at = core_now() WHERE id = %s", ended.pk)
    check_deferred()
    # Nothing refers to it: no foreign key stands in the way of its going.
    with_none = type(bare)._default_manager.create(wallet=WalletFactory.create(), tariff=bare.tariff, family="bare")
    trial = TrialFactory.create()
    return {
        "running": running,
        "period": period,
        "removed": removed,
        "ended": ended,
        "bare": with_none,
        "trial": trial,
        "trial period": trial.subscription.periods.get(),
        "other wallet": WalletFactory.create(),
        "other invoice": InvoiceFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestSubscriptionGuards(GuardTests):
    pass


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
class TestOverlaps:
    """``billing_subscriptionperiod_overlaps_no_other``: looked at when the transaction ends."""

    GUARD = "billing_subscriptionperiod_overlaps_no_other"

    def between(self, rows: Rows, **values: object) -> Copy:
        """A period that begins while another one runs."""
        period = rows["period"]
        assert isinstance(period, SubscriptionPeriod)
        inside = period.starts_at + timedelta(days=1)
        return Copy("period", {**PERIOD, "starts_at": inside, "ends_at": inside + timedelta(days=1), **values})

    def test_are_refused(self, rows: Rows) -> None:
        with refused_by(self.GUARD):
            self.between(rows).run(rows)
            check_deferred()

    def test_of_what_was_taken_back_are_none(self, rows: Rows) -> None:
        self.between(rows, removed_at=SOME_MOMENT).run(rows)
        check_deferred()

    def test_of_neighbours_are_none(self, rows: Rows) -> None:
        period = rows["period"]
        assert isinstance(period, SubscriptionPeriod)
        Copy("period", {**PERIOD, "starts_at": period.ends_at}).run(rows)
        check_deferred()

    def test_that_are_gone_by_the_end_are_none(self, rows: Rows) -> None:
        self.between(rows).run(rows)
        execute(
            "UPDATE billing_subscriptionperiod SET starts_at = %s, ends_at = %s WHERE number = 7", LATER, "2037-01-01"
        )
        check_deferred()

    def test_would_stay_without_it(self, rows: Rows) -> None:
        switch_off("billing_subscriptionperiod", self.GUARD)
        assert self.between(rows).run(rows) == 1
        check_deferred()


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_who_do_not_see_each_other_one_is_refused() -> None:
    """The trigger waits for the subscription's row, and looks when the other one has committed."""
    subscription = SubscriptionFactory.create()
    invoices = [InvoiceFactory.create() for _number in range(2)]

    def inserts(number: int) -> Callable[[], str]:
        def run() -> str:
            try:
                with transaction.atomic():
                    add_period(subscription.pk, subscription.tariff_id, invoices[number].pk, number + 2)
            except Exception as refusal:
                return type(refusal).__name__
            return "written"

        return run

    ran = lined_up(subscription, inserts(0), inserts(1))
    assert sorted(ran.results) == ["IntegrityError", "written"]


@pytest.mark.django_db(transaction=True)
def test_two_writers_overlap_where_the_trigger_is_off() -> None:
    with without("billing_subscriptionperiod", "billing_subscriptionperiod_overlaps_no_other"):
        subscription = SubscriptionFactory.create()
        for number in (2, 3):
            add_period(subscription.pk, subscription.tariff_id, InvoiceFactory.create().pk, number)
        assert subscription.periods.count() == 3


def add_period(subscription_id: UUID, tariff_id: UUID, invoice_id: UUID, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_subscriptionperiod (id, subscription_id, tariff_id, invoice_id, number, starts_at, "
            "ends_at, months, rate_amount, rate_seconds) "
            "VALUES (%s, %s, %s, %s, %s, '2040-01-01', '2040-02-01', 0, 0, 1)",
            [uuid7(), subscription_id, tariff_id, invoice_id, number],
        )


RECORDS: Final = [
    Record("billing_subscription_is_audited", Copy("running", NEW), "billing.subscription.created"),
    Record(
        "billing_subscription_is_audited", Change("running", {"status": "past_due"}), "billing.subscription.updated"
    ),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize(
    "guard",
    [
        "billing_subscription_is_never_truncated",
        "billing_subscriptionperiod_is_never_truncated",
        "billing_trial_is_never_truncated",
    ],
)
class TestTruncation(TruncationTests):
    pass


def test_a_plan_has_a_family_of_its_own() -> None:
    plan = PlanFactory.build(family="", slug="lone")
    assert plan.subscription_family == "lone"
