"""Four years of a subscription by the product's own test clock, paid and watched over HTTP alone."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from accounts.tests.factories import api_key_header
from billing.models import Announcement, Invoice, Payment, SubscriptionPeriod
from billing.tests.factories import PlanFactory, WalletFactory
from core import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

BERLIN: Final = ZoneInfo("Europe/Berlin")
DAY: Final = timedelta(days=1)
YEARS: Final = 4
# From this day on, for four years: 29 February 2028 and eight changes of the clocks lie in them.
BEGIN: Final = datetime(2027, 1, 31, 10, tzinfo=BERLIN)


class Shop:
    """A server of the house's customer: it moves the clock, and pays what waits."""

    def __init__(self) -> None:
        scopes = ("staff", "users:write", "billing:read", "billing:write", "payments:write")
        self.client = Client(headers=api_key_header(*scopes))
        self.charges = 0

    def post(self, path: str, body: dict[str, Any], key: str = "") -> Any:
        answer = self.client.post(
            f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": key} if key else {}
        )
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    def advance(self, how_far: timedelta) -> None:
        assert self.post("test-clock/advance", {"seconds": int(how_far.total_seconds())})["arrived"]

    def pay(self, invoice: dict[str, Any]) -> None:
        receipt = f"receipt-{invoice['id']}"
        told = {"provider": "manual", "provider_payment_id": receipt, "amount": invoice["amount"]}
        self.post(f"invoices/{invoice['id']}/payments", told, receipt)
        self.charges += 1

    def pay_what_waits(self) -> None:
        for invoice in self.client.get("/api/v1/invoices", {"status": "pending"}).json()["results"]:
            self.pay(invoice)


def test_four_years_of_calendar_months_are_paid_exactly() -> None:
    """Those of thirty days, by a stored agreement, are paid in billing/tests/test_renewals.py."""
    periods = 1 + YEARS * 12
    with override_settings(TIME_ZONE="Europe/Berlin"):
        shop = Shop()
        shop.advance(BEGIN - clock.now())
        wallet, sold = WalletFactory.create(), PlanFactory.create(period_kind="calendar_month", period_months=1)
        user = str(wallet.user_id)
        shop.pay(shop.post("invoices", {"user": user, "tariff": sold.slug}, "first"))
        began = time.monotonic()
        end = clock.now() + timedelta(days=YEARS * 365 + 1)
        while (left := end - clock.now()) >= timedelta(seconds=1):
            shop.advance(min(_until_something_waits(), left))
            shop.pay_what_waits()
        took = time.monotonic() - began
        print(f"{YEARS} years in {took:.1f} s, {took / YEARS:.1f} s each")
        call_command("reconcile", "--strict")
        call_command("rebuild_payments", "--check")
    rows = list(SubscriptionPeriod.objects.order_by("number"))
    assert (len(rows), shop.charges, Payment.objects.count(), Invoice.objects.count()) == (periods,) * 4
    assert all(one.ends_at == other.starts_at for one, other in pairwise(rows))
    # Ten o'clock on the last day of each month, in summer and in winter.
    ends = [row.ends_at.astimezone(BERLIN) for row in rows]
    assert all((each + DAY).day == 1 for each in ends if each.month in (2, 4, 6, 9, 11))
    assert len({(each.hour, each.minute) for each in ends}) == 1
    assert (ends[12].month, ends[12].day) == (2, 29)
    told = list(Announcement.objects.filter(type="subscription.expiring").values_list("payload__days", flat=True))
    for days in (7, 1):
        # Of each period once; the last one's end may lie too far ahead.
        assert told.count(days) == sum(row.ends_at - days * DAY <= end for row in rows)
    assert Announcement.objects.filter(type="subscription.renewed").count() == periods - 1


def _until_something_waits() -> timedelta:
    """Till the next renewal is announced, and a little more: jobs run at the beginning of their periods."""
    renews_at = SubscriptionPeriod.objects.order_by("-number").values_list("subscription__renews_at", flat=True)[0]
    assert renews_at is not None
    return max(renews_at - clock.now(), timedelta(0)) + timedelta(minutes=10)
