"""Forgetting a person: nothing that says who they were is left anywhere, and what they did stays."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from accounts.models import User
from accounts.operations import users
from accounts.tests.factories import ApiKeyFactory, StaffFactory, UserFactory
from audit.models import AuditLog
from core.actors import SYSTEM, Actor

pytestmark = pytest.mark.django_db

SUPPORT = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")
CANARIES = ("canaryname", "Canaryfirst", "Canarylast", "7123456789123")


def _everything_stored() -> str:
    """Each row of each table of the house, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        stored = []
        for table in tables:
            cursor.execute(f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM {table} AS t")
            stored.append(json.dumps(cursor.fetchone()[0], ensure_ascii=False))
    return "\n".join(stored)


def test_leaves_no_trace_of_who_they_were_in_any_table() -> None:
    user, _is_new = users.get_or_create_from_telegram(
        telegram_id=7123456789123, username="canaryname", first_name="Canaryfirst", by=SYSTEM
    )
    users.update(user_id=user.pk, last_name="Canarylast", by=SYSTEM)
    before = _everything_stored()
    assert all(canary in before for canary in CANARIES)

    users.anonymise(user_id=user.pk, by=SUPPORT, reason="asked for it")

    after = _everything_stored()
    assert [canary for canary in CANARIES if canary in after] == []


def test_keeps_the_row_its_referrals_and_its_history() -> None:
    user = UserFactory.create(referred_by=UserFactory.create())
    brought = UserFactory.create(referred_by=user)
    history = list(AuditLog.objects.order_by("id").values())

    gone = users.anonymise(user_id=user.pk, by=SUPPORT, reason="asked for it")

    brought.refresh_from_db()
    assert brought.referred_by == gone
    assert gone.referred_by == user.referred_by
    assert list(AuditLog.objects.order_by("id").values())[: len(history)] == history


def test_takes_login_rights_and_keys() -> None:
    StaffFactory.create(role="superadmin")
    user = StaffFactory.create(role="operator", is_superuser=True, telegram_id=7)
    user.user_permissions.add(Permission.objects.earliest("pk"))
    key = ApiKeyFactory.create(owner=user)

    gone = users.anonymise(user_id=user.pk, by=SUPPORT, reason="left")

    key.refresh_from_db()
    assert (gone.login, gone.is_active, gone.is_staff, gone.is_superuser) == (None, False, False, False)
    assert gone.anonymised_at is not None
    assert not gone.has_usable_password()
    assert not gone.groups.exists()
    assert not gone.user_permissions.exists()
    assert key.revoked_at is not None


def test_tells_who_did_it_and_why() -> None:
    user = UserFactory.create()

    users.anonymise(user_id=user.pk, by=SUPPORT, reason="asked for it")

    deed = AuditLog.objects.get(action="accounts.user.anonymised")
    assert (deed.entity_id, deed.actor["label"]) == (str(user.pk), "olga")
    assert deed.metadata["reason"] == "asked for it"


def test_changes_nothing_the_second_time() -> None:
    user = users.anonymise(user_id=UserFactory.create().pk, by=SUPPORT, reason="asked for it")
    deeds = AuditLog.objects.count()

    again = users.anonymise(user_id=user.pk, by=SUPPORT, reason="asked again")

    assert again.anonymised_at == user.anonymised_at
    assert AuditLog.objects.count() == deeds


def test_makes_a_stranger_of_whoever_comes_back() -> None:
    user = UserFactory.create(telegram_id=7)
    users.anonymise(user_id=user.pk, by=SUPPORT, reason="asked for it")

    back, is_new = users.get_or_create_from_telegram(telegram_id=7, by=SYSTEM)

    assert is_new
    assert back.pk != user.pk
    assert User.objects.count() == 2
