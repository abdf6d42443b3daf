"""The demo data as it stands after one load; the tests below only look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.db.models.functions import TruncWeek
from pytest_django import DjangoDbBlocker

from accounts.models import User
from audit.models import AdminAlert, AuditLog
from billing.models import Hold, Invoice, Payment, PromoRedemption, Tariff, Transaction, Wallet
from billing.operations import demo, reconciliation
from billing.rules import demo_story
from core import clock
from core.actors import SYSTEM
from core.database_roles import as_owner

pytestmark = pytest.mark.django_db

PACKAGES = {"start": (14_900, 5), "optimal": (39_900, 20), "pro": (69_900, 50), "unlimited": (149_900, 999)}


def clock_definition() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('core_now()'::regprocedure)")
        definition: str = cursor.fetchone()[0]
    return definition


@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[demo.Loaded]:
    with django_db_blocker.unblock(), as_owner(), transaction.atomic():
        yield demo.load(password="correct horse battery staple", keep=lambda _made: None)
        transaction.set_rollback(True)


def test_sells_the_four_packages(loaded: demo.Loaded) -> None:
    assert {row.slug: (row.price, row.tokens) for row in Tariff.objects.all()} == PACKAGES
    unlimited = Tariff.objects.get(slug="unlimited")
    assert (unlimited.subscription_days, unlimited.token_validity_days, unlimited.family) == (30, 30, "unlimited")
    assert not Tariff.objects.filter(price_stars=None).exists()


def test_keeps_every_invariant(loaded: demo.Loaded) -> None:
    assert reconciliation.run(by=SYSTEM, full=True).is_clean


def test_shows_every_kind_of_thing_that_happens(loaded: demo.Loaded) -> None:
    assert User.objects.filter(telegram_id__isnull=False).count() == 40
    assert set(Invoice.objects.values_list("status", flat=True)) == {"pending", "paid", "expired", "cancelled"}
    assert set(Hold.objects.values_list("state", flat=True)) == {"open", "captured", "released"}
    assert set(PromoRedemption.objects.values_list("state", flat=True)) >= {"applied", "released"}
    shown = set(Transaction.objects.values_list("type", flat=True))
    assert shown == {"purchase", "bonus", "grant", "charge", "capture", "expiration"}
    assert User.objects.filter(referred_by__isnull=False).exists()
    assert Wallet.objects.exclude(frozen_at=None).exclude(frozen_reason="").count() == 1
    assert Wallet.objects.filter(subscription_end__gt=clock.now()).exists()


def test_keeps_one_surplus_payment_with_its_alert(loaded: demo.Loaded) -> None:
    surplus = Payment.objects.get(outcome="surplus")
    alert = AdminAlert.objects.get()
    assert (alert.status, (alert.context or {}).get("payment")) == ("open", str(surplus.pk))


def test_spreads_over_sixty_days_and_never_into_the_future(loaded: demo.Loaded) -> None:
    now = clock.now()
    for moments in (
        User.objects.filter(telegram_id__isnull=False).values_list("created_at", flat=True),
        Transaction.objects.values_list("created_at", flat=True),
        Invoice.objects.values_list("created_at", flat=True),
    ):
        assert min(moments) < now - timedelta(days=50)
        assert now - timedelta(days=5) < max(moments) <= now
    # Newest first by id, as lists are paged, is newest first by time as well.
    by_id = list(Transaction.objects.order_by("id").values_list("created_at", flat=True))
    assert by_id == sorted(by_id)


def test_says_who_did_it(loaded: demo.Loaded) -> None:
    operator = str(loaded.operator_id)
    assert set(Transaction.objects.filter(type="charge").values_list("actor__kind", flat=True)) == {"api_key"}
    assert set(Transaction.objects.filter(type="grant").values_list("actor__id", flat=True)) == {operator}
    repriced = AuditLog.objects.get(entity_type="billing.tariff", action="billing.tariff.updated")
    assert ((repriced.old_value or {})["price"], (repriced.new_value or {})["price"]) == (79_900, 69_900)
    assert str(repriced.user_id) == operator


def test_names_customers_by_first_name_only(loaded: demo.Loaded) -> None:
    customers = User.objects.filter(telegram_id__isnull=False)
    assert not customers.exclude(last_name="", username="").exists()
    assert customers.filter(first_name="").count() == 0
    # Telegram gives nobody ids of thirteen digits.
    assert not customers.filter(telegram_id__lt=10**12).exists()


def test_leaves_the_clock_as_it_was(loaded: demo.Loaded) -> None:
    assert "demo" not in clock_definition()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_tells_a_story_that_can_be_played_at_any_hour(hour: int) -> None:
    until = datetime(2026, 3, 1, hour, 30, tzinfo=UTC)
    told = demo_story.tell(until)
    assert told == demo_story.tell(until)
    assert [step.moment for step in told] == sorted(step.moment for step in told)
    assert told[-1].moment <= until
    deeds = [step.deed for step in told]
    orders = [deed.order for deed in deeds if isinstance(deed, demo_story.Orders)]
    assert len(orders) == len(set(orders))
    keys = [deed.key for deed in deeds if isinstance(deed, demo_story.Spends | demo_story.SetsAside)]
    assert len(keys) == len(set(keys))
    assert sum(isinstance(deed, demo_story.Pays) and deed.attempt == 2 for deed in deeds) == 1
    assert sum(isinstance(deed, demo_story.IsFrozen) for deed in deeds) == 1


def test_earns_money_each_week(loaded: demo.Loaded) -> None:
    paid = Payment.objects.filter(outcome="credited", currency="RUB")
    weeks = paid.values(week=TruncWeek("created_at")).annotate(total=Sum("amount"))
    assert len(weeks) >= 8
