"""Keys are issued, rotated and revoked; what is stored of them, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from accounts import errors, locks
from accounts.models import ApiKey
from accounts.operations import api_keys
from accounts.rules import keys
from accounts.tests.factories import ApiKeyFactory, StaffFactory, UserFactory
from audit.models import AuditLog
from conftest import TestClock
from core import clock
from core.actors import Actor
from core.errors import DomainError, ReasonMissing, ValidationFailed
from core.tests.racing import held_up

OLGA = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")

pytestmark = pytest.mark.django_db


def issue(**given: Any) -> tuple[ApiKey, str]:
    return api_keys.create(**{"name": "Bot", "scopes": ["users:read"], "by": OLGA, **given})


def deeds(action: str) -> list[AuditLog]:
    return list(AuditLog.objects.filter(action=action).order_by("id"))


class TestIssuing:
    def test_gives_the_key_away_once_and_stores_its_digest(self) -> None:
        row, shown = issue()

        key = keys.parse(shown)
        assert key is not None
        row.refresh_from_db()
        assert row.prefix == key.prefix
        assert bytes(row.secret_hash) == sha256(key.secret.encode()).digest()
        assert (row.revoked_at, row.expires_at, row.last_used_at) == (None, None, None)

    def test_leaves_the_secret_in_no_table(self) -> None:
        _row, shown = issue(name="Looked for")

        secret = shown.rpartition("_")[2]
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT count(*) FROM "{table}" AS r WHERE r::text LIKE %s', [f"%{secret}%"])
                assert cursor.fetchone() == (0,), table
            # The control: what is in a table is found so.
            cursor.execute("SELECT count(*) FROM accounts_apikey AS r WHERE r::text LIKE '%Looked for%'")
            assert cursor.fetchone() == (1,)

    def test_says_who_issued_it_and_why(self) -> None:
        row, _shown = issue(scopes=["users:write", "users:read", "users:read"], reason="a new bot")

        (deed,) = deeds("accounts.api_key.issued")
        assert deed.entity_id == str(row.pk)
        assert deed.actor["label"] == "olga"
        assert deed.metadata == {"reason": "a new bot", "scopes": ["users:read", "users:write"]}
        (created,) = deeds("accounts.apikey.created")
        assert created.new_value is not None
        assert created.new_value["secret_hash"] == "***"

    def test_makes_another_key_each_time(self) -> None:
        assert len({issue()[1] for _ in range(50)}) == 50

    def test_ends_it_when_asked_by_the_databases_clock(self, clock: TestClock) -> None:
        clock.advance(days=400)
        row, _shown = issue(expires_in=timedelta(days=1))
        assert row.expires_at == _now() + timedelta(days=1)

    @pytest.mark.parametrize(
        ("given", "error", "field"),
        [
            ({"name": ""}, ValidationFailed, "name"),
            ({"name": "   "}, ValidationFailed, "name"),
            ({"name": "x" * 101}, ValidationFailed, "name"),
            ({"scopes": []}, ValidationFailed, "scopes"),
            ({"scopes": ["users:read", "everything"]}, errors.ScopeUnknown, "scopes"),
            ({"expires_in": timedelta(0)}, ValidationFailed, "expires_in"),
            ({"expires_in": timedelta(days=-1)}, ValidationFailed, "expires_in"),
            ({"expires_in": timedelta(days=40_000)}, ValidationFailed, "expires_in"),
            ({"allowed_networks": ["192.0.2.1/24"]}, ValidationFailed, "allowed_networks"),
            ({"allowed_networks": ["home"]}, ValidationFailed, "allowed_networks"),
            ({"owner_id": UUID(int=7)}, errors.UserNotFound, None),
        ],
        ids=str,
    )
    @pytest.mark.django_db(transaction=True)
    def test_refuses_what_makes_no_sense_and_issues_nothing(
        self, given: dict[str, Any], error: type[DomainError], field: str | None
    ) -> None:
        with pytest.raises(error) as refusal:
            issue(**given)

        assert list(refusal.value.fields) == ([field] if field else [])
        assert not ApiKey.objects.exists()
        assert not AuditLog.objects.filter(action__startswith="accounts.api").exists()

    @pytest.mark.django_db(transaction=True)
    def test_refuses_an_owner_who_is_kept_out(self) -> None:
        owner = StaffFactory.create(is_active=False)
        with pytest.raises(errors.UserNotFound):
            issue(owner_id=owner.pk)
        assert not ApiKey.objects.exists()


class TestRevoking:
    def test_ends_it_for_good_and_says_why(self) -> None:
        row, _shown = issue()

        revoked = api_keys.revoke(key_id=row.pk, by=OLGA, reason="leaked")

        assert revoked.revoked_at == _now()
        (deed,) = deeds("accounts.api_key.revoked")
        assert (deed.entity_id, deed.metadata["reason"]) == (str(row.pk), "leaked")

    def test_changes_nothing_the_second_time(self, clock: TestClock) -> None:
        row, _shown = issue()
        first = api_keys.revoke(key_id=row.pk, by=OLGA, reason="leaked")
        clock.advance(days=1)

        second = api_keys.revoke(key_id=row.pk, by=OLGA, reason="leaked again")

        assert second.revoked_at == first.revoked_at
        assert len(deeds("accounts.api_key.revoked")) == 1

    @pytest.mark.django_db(transaction=True)
    def test_is_told_once_however_many_do_it_at_once(self) -> None:
        self._revoked_by_eight_at_once()
        assert len(deeds("accounts.api_key.revoked")) == 1

    @pytest.mark.django_db(transaction=True)
    def test_would_be_told_by_each_without_the_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: everybody reads before anybody writes."""
        monkeypatch.setattr(locks, "api_key", lambda key_id: ApiKey.objects.get(pk=key_id))
        self._revoked_by_eight_at_once()
        assert len(deeds("accounts.api_key.revoked")) == 8

    def _revoked_by_eight_at_once(self) -> None:
        row, _shown = issue()
        held_up(row, *[lambda: api_keys.revoke(key_id=row.pk, by=OLGA, reason="leaked")] * 8)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("reason", ["", "   ", "\n"])
    def test_refuses_to_do_it_without_a_reason(self, reason: str) -> None:
        row, _shown = issue()
        with pytest.raises(ReasonMissing):
            api_keys.revoke(key_id=row.pk, by=OLGA, reason=reason)
        row.refresh_from_db()
        assert row.revoked_at is None

    @pytest.mark.django_db(transaction=True)
    def test_refuses_a_key_that_there_is_not(self) -> None:
        with pytest.raises(errors.ApiKeyNotFound):
            api_keys.revoke(key_id=uuid4(), by=OLGA, reason="leaked")


class TestRotating:
    def test_gives_the_successor_the_same_rights_and_the_same_end(self) -> None:
        owner = UserFactory.create()
        old, old_shown = issue(
            owner_id=owner.pk,
            scopes=["staff"],
            allowed_networks=["192.0.2.0/24"],
            expires_in=timedelta(days=30),
        )

        new, shown = api_keys.rotate(key_id=old.pk, by=OLGA, reason="yearly")

        assert shown != old_shown
        for name in ("name", "owner_id", "scopes", "allowed_networks", "expires_at"):
            assert getattr(new, name) == getattr(old, name), name
        (deed,) = deeds("accounts.api_key.rotated")
        assert deed.entity_id == str(old.pk)
        assert deed.metadata == {"successor": str(new.pk), "reason": "yearly"}

    @pytest.mark.parametrize(
        ("expires_in", "overlap", "ends_in"),
        [
            (None, timedelta(hours=1), timedelta(hours=1)),
            (timedelta(days=30), timedelta(hours=1), timedelta(hours=1)),
            # Rotation never lengthens a life.
            (timedelta(minutes=5), timedelta(hours=1), timedelta(minutes=5)),
            (None, timedelta(0), timedelta(0)),
        ],
    )
    def test_ends_the_old_one_after_the_overlap(
        self, expires_in: timedelta | None, overlap: timedelta, ends_in: timedelta
    ) -> None:
        row, _shown = issue(expires_in=expires_in)
        api_keys.rotate(key_id=row.pk, overlap=overlap, by=OLGA)
        row.refresh_from_db()
        assert row.expires_at == _now() + ends_in

    @pytest.mark.django_db(transaction=True)
    def test_refuses_an_overlap_below_zero(self) -> None:
        row, _shown = issue()
        with pytest.raises(ValidationFailed):
            api_keys.rotate(key_id=row.pk, overlap=timedelta(seconds=-1), by=OLGA)
        assert ApiKey.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_refuses_a_key_that_is_out_of_force(self) -> None:
        revoked, _shown = issue()
        api_keys.revoke(key_id=revoked.pk, by=OLGA, reason="leaked")
        expired = ApiKeyFactory.create(expires_at=clock.now())
        for row in (revoked, expired):
            with pytest.raises(errors.ApiKeyNotInForce):
                api_keys.rotate(key_id=row.pk, by=OLGA)
        assert ApiKey.objects.count() == 2


class TestUse:
    def test_is_noted_at_most_once_a_minute(self, clock: TestClock) -> None:
        row, _shown = issue()
        seen = []
        for seconds in (0, 59, 2):
            clock.advance(seconds=seconds)
            api_keys.note_use(key_ids=[row.pk])
            row.refresh_from_db()
            assert row.last_used_at is not None
            seen.append(row.last_used_at)
        assert seen[0] == seen[1]
        assert seen[2] == seen[0] + timedelta(seconds=61)

    def test_is_no_news_to_the_audit_log(self) -> None:
        row, _shown = issue()
        before = AuditLog.objects.count()
        api_keys.note_use(key_ids=[row.pk])
        assert AuditLog.objects.count() == before


def _now() -> datetime:
    # Inside one transaction the database's clock stands still.
    return clock.now()
