"""Sessions: opened, refreshed by many at once, lost answers, thieves, ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from accounts import errors, queries
from accounts.models import RefreshToken, Session, User
from accounts.operations import sessions, users
from accounts.operations.sessions import Tokens
from accounts.people import actor_of
from accounts.rules import refresh_tokens
from accounts.tests.factories import ADDRESS, BROWSER, StaffFactory, UserFactory, opened
from audit.models import AdminAlert, AuditLog
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM, under
from core.database_roles import as_owner
from core.ids import uuid7
from core.tests.racing import race

pytestmark = pytest.mark.django_db

MANY = 16
INDEX = "accounts_refreshtoken_is_current_once_per_session"
TRIGGER = "accounts_refreshtoken_is_used_once"


def refreshed(shown: str, *, ip: str = ADDRESS, user_agent: str = BROWSER) -> Tokens | None:
    with under(ip=ip):
        return sessions.refresh(shown=shown, user_agent=user_agent, by=SYSTEM)


def is_refused(shown: str) -> bool:
    """Whether a token is worth nothing; the test's own transaction goes on."""
    try:
        with transaction.atomic():
            return refreshed(shown) is None
    except errors.RefreshTokenInvalid:
        return True


def alive(tokens: Tokens) -> bool:
    return queries.find_living_session(tokens.session.pk) is not None


def deeds(action: str) -> list[AuditLog]:
    return list(AuditLog.objects.filter(action=action).order_by("id"))


class TestOpening:
    def test_stores_no_token(self) -> None:
        tokens = opened(UserFactory.create())
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                text = "\n".join(row for (row,) in cursor.fetchall())
                assert tokens.refresh.removeprefix("dvr_") not in text, table
                assert tokens.access not in text, table
        assert RefreshToken.objects.filter(digest=refresh_tokens.digest(tokens.refresh)).exists()

    def test_lasts_90_days_and_its_refresh_token_30(self) -> None:
        tokens = opened(UserFactory.create())
        now = database_clock.now()
        assert tokens.session.expires_at == now + timedelta(days=90)
        assert tokens.session.refresh_tokens.get().expires_at == now + timedelta(days=30)

    def test_is_refused_to_those_who_are_kept_out(self) -> None:
        user = UserFactory.create(is_active=False)
        with pytest.raises(errors.UserKeptOut):
            opened(user)

    def test_keeps_of_a_browser_s_name_what_can_be_shown(self) -> None:
        tokens = opened(UserFactory.create(), user_agent="A\x00\n\u202eB" + "x" * 999)
        assert tokens.session.user_agent == "AB" + "x" * 298


class TestRefreshing:
    def test_gives_a_successor_that_works(self) -> None:
        first = opened(UserFactory.create())
        second = refreshed(first.refresh)
        assert second is not None
        third = refreshed(second.refresh)
        assert third is not None
        assert len({first.refresh, second.refresh, third.refresh}) == 3
        assert third.session == first.session

    def test_gives_a_lost_answer_again(self, clock: TestClock) -> None:
        first = opened(UserFactory.create())
        second = refreshed(first.refresh)
        clock.advance(seconds=9)
        again = refreshed(first.refresh)
        assert second is not None
        assert again is not None
        assert again.refresh == second.refresh
        assert RefreshToken.objects.count() == 2

    def test_gives_a_lost_answer_again_after_the_key_has_changed(self) -> None:
        first = opened(UserFactory.create())
        with override_settings(TOKEN_KEYS={"old": "o" * 32}):
            second = refreshed(first.refresh)
        with override_settings(TOKEN_KEYS={"new": "n" * 32, "old": "o" * 32}):
            again = refreshed(first.refresh)
        assert second is not None
        assert again is not None
        assert again.refresh == second.refresh

    @pytest.mark.parametrize(
        ("seconds", "ip", "user_agent"),
        [(11, ADDRESS, BROWSER), (30, ADDRESS, BROWSER), (1, "198.51.100.9", BROWSER), (1, ADDRESS, "curl")],
        ids=["too late", "much too late", "from elsewhere", "from another browser"],
    )
    def test_ends_the_family_when_a_used_token_comes_again(
        self, seconds: int, ip: str, user_agent: str, clock: TestClock
    ) -> None:
        first = opened(UserFactory.create())
        second = refreshed(first.refresh)
        assert second is not None
        other = opened(first.session.user)
        clock.advance(seconds=seconds)

        assert refreshed(first.refresh, ip=ip, user_agent=user_agent) is None

        assert not alive(first)
        assert alive(other), "another device of the same person is another family"
        first.session.refresh_from_db()
        assert first.session.revoked_for == Session.Ending.REUSE
        assert is_refused(second.refresh)
        (deed,) = deeds("session.reuse_detected")
        assert deed.entity_id == str(first.session.pk)
        assert deed.user_id == first.session.user_id
        alert = AdminAlert.objects.get()
        assert alert.fingerprint == f"accounts.session_reuse:{first.session.user_id}"
        assert alert.severity == "warning"

    def test_of_staff_is_a_critical_alert_when_reused(self, clock: TestClock) -> None:
        first = opened(StaffFactory.create())
        refreshed(first.refresh)
        clock.advance(seconds=30)
        assert refreshed(first.refresh) is None
        assert AdminAlert.objects.get().severity == "critical"

    def test_tells_of_a_reuse_once(self, clock: TestClock) -> None:
        first = opened(UserFactory.create())
        refreshed(first.refresh)
        clock.advance(seconds=30)
        assert refreshed(first.refresh) is None
        assert is_refused(first.refresh)
        assert len(deeds("session.reuse_detected")) == 1

    def test_is_refused_after_30_days_of_silence(self, clock: TestClock) -> None:
        first = opened(UserFactory.create())
        clock.advance(days=30)
        with pytest.raises(errors.RefreshTokenInvalid):
            refreshed(first.refresh)

    def test_does_not_lengthen_a_session_beyond_90_days(self, clock: TestClock) -> None:
        tokens = opened(UserFactory.create())
        for _month in range(3):
            clock.advance(days=29)
            fresh = refreshed(tokens.refresh)
            assert fresh is not None
            tokens = fresh
        clock.advance(days=2, hours=23)
        fresh = refreshed(tokens.refresh)
        assert fresh is not None
        clock.advance(hours=2)
        with pytest.raises(errors.RefreshTokenInvalid):
            refreshed(fresh.refresh)

    @pytest.mark.parametrize("shown", ["", "dvr_", "dvr_" + "0" * 64, "dvr_" + "G" * 64, "токен", "x" * 1000])
    def test_refuses_what_is_no_token_of_ours(self, shown: str) -> None:
        with pytest.raises(errors.RefreshTokenInvalid):
            refreshed(shown)


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_get_one_successor(self) -> None:
        first = opened(UserFactory.create())

        answers = race(*[lambda: refreshed(first.refresh)] * MANY)

        assert len({answer.refresh for answer in answers if answer}) == 1
        assert None not in answers
        assert RefreshToken.objects.count() == 2
        assert alive(first)

    def test_from_different_places_end_the_family_and_make_no_second_successor(self) -> None:
        first = opened(UserFactory.create())

        def shown_from(place: int) -> Callable[[], Tokens | errors.RefreshTokenInvalid | None]:
            def show() -> Tokens | errors.RefreshTokenInvalid | None:
                try:
                    return refreshed(first.refresh, ip=f"192.0.2.{place}")
                except errors.RefreshTokenInvalid as refusal:
                    return refusal

            return show

        answers = race(*[shown_from(place) for place in range(MANY)])

        assert len([answer for answer in answers if isinstance(answer, Tokens)]) == 1
        assert answers.count(None) == 1, "who came second was told, and all others met a session that was over"
        assert RefreshToken.objects.count() == 2
        assert not alive(first)
        assert len(deeds("session.reuse_detected")) == 1

    def test_would_get_many_successors_without_guards(self) -> None:
        """The control: the same race, by a refresh that reads before it writes and locks nothing."""
        first = opened(UserFactory.create())
        with without(INDEX, TRIGGER):
            assert careless_refreshes(first).count(True) == MANY
            assert RefreshToken.objects.count() == 1 + MANY

    @pytest.mark.parametrize("away", [INDEX, TRIGGER], ids=["the trigger", "the index"])
    def test_would_get_one_from_either_guard_alone(self, away: str) -> None:
        first = opened(UserFactory.create())
        with without(away):
            assert careless_refreshes(first).count(True) == 1
            assert RefreshToken.objects.count() == 2

    def test_leave_nothing_alive_when_somebody_logs_out_everywhere(self) -> None:
        user = UserFactory.create()
        first = opened(user)

        def refresh() -> object:
            try:
                return refreshed(first.refresh)
            except errors.RefreshTokenInvalid:
                return None

        race(*[refresh] * 7, lambda: sessions.revoke_all(user_id=user.pk, by=actor_of(user)))
        assert not queries.list_sessions(user.pk).exists()
        with pytest.raises(errors.RefreshTokenInvalid):
            refreshed(first.refresh)

    def test_open_no_session_that_outlives_being_kept_out(self) -> None:
        user = UserFactory.create()

        def enter() -> object:
            try:
                return opened(user)
            except errors.UserKeptOut:
                return None

        keep_out = lambda: users.set_active(user_id=user.pk, is_active=False, by=SYSTEM, reason="fraud")  # noqa: E731  one of three ways, named by what they do
        race(*[enter] * 7, keep_out)
        assert not queries.list_sessions(user.pk).exists()


def careless_refreshes(first: Tokens) -> list[bool]:
    """Whether each of many was served, by a refresh without a lock."""
    token = first.session.refresh_tokens.get()
    everybody_has_read = threading.Barrier(MANY)

    def refresh() -> bool:
        try:
            with transaction.atomic():
                is_unused = RefreshToken.objects.get(pk=token.pk).used_at is None
                everybody_has_read.wait(30)
                if is_unused:
                    fresh = uuid7()
                    RefreshToken.objects.filter(pk=token.pk).update(
                        used_at=database_clock.now(), used_by=b"x" * 32, successor_id=fresh
                    )
                    RefreshToken.objects.create(
                        id=fresh, session=first.session, digest=fresh.bytes * 2, expires_at=token.expires_at
                    )
                return is_unused
        except IntegrityError:
            return False

    return race(*[refresh] * MANY)


@contextmanager
def without(*guards: str) -> Iterator[None]:
    """The guards of refresh tokens are away within the block; then the table is emptied and they come back."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [INDEX])
        (definition,) = cursor.fetchone()
        if INDEX in guards:
            cursor.execute(f"DROP INDEX {INDEX}")
        if TRIGGER in guards:
            cursor.execute(f"ALTER TABLE accounts_refreshtoken DISABLE TRIGGER {TRIGGER}")
    try:
        yield
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE accounts_refreshtoken CASCADE")
            cursor.execute(f"ALTER TABLE accounts_refreshtoken ENABLE TRIGGER {TRIGGER}")
            if INDEX in guards:
                cursor.execute(definition)


class TestEnding:
    def test_refuses_at_once(self) -> None:
        tokens = opened(UserFactory.create())
        sessions.revoke(
            session_id=tokens.session.pk, user_id=tokens.session.user_id, ending=Session.Ending.LOGOUT, by=SYSTEM
        )
        assert not alive(tokens)
        with pytest.raises(errors.RefreshTokenInvalid):
            refreshed(tokens.refresh)

    def test_changes_nothing_the_second_time(self, clock: TestClock) -> None:
        tokens = opened(UserFactory.create())
        ids = {"session_id": tokens.session.pk, "user_id": tokens.session.user_id}
        first = sessions.revoke(**ids, ending=Session.Ending.LOGOUT, by=SYSTEM)
        clock.advance(days=1)
        second = sessions.revoke(**ids, ending=Session.Ending.CLOSED, by=SYSTEM)
        assert (second.revoked_at, second.revoked_for) == (first.revoked_at, Session.Ending.LOGOUT)
        assert len(deeds("session.revoked")) == 1

    def test_everywhere_leaves_others_alone(self) -> None:
        user = UserFactory.create()
        mine, others = [opened(user), opened(user)], opened(UserFactory.create())
        assert sessions.revoke_all(user_id=user.pk, by=actor_of(user)) == 2
        assert [alive(tokens) for tokens in (*mine, others)] == [False, False, True]
        (deed,) = deeds("session.all_revoked")
        assert deed.metadata["sessions"] == 2
        assert sessions.revoke_all(user_id=user.pk, by=actor_of(user)) == 0

    @pytest.mark.parametrize(
        "lock_out",
        [
            lambda user: users.set_active(user_id=user.pk, is_active=False, by=SYSTEM, reason="fraud"),
            lambda user: users.anonymise(user_id=user.pk, by=SYSTEM, reason="asked for it"),
            lambda user: User.objects.filter(pk=user.pk).update(password="another"),
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        ],
        ids=["kept out", "forgotten", "password by SQL", "kept out by SQL"],
    )
    def test_comes_with_being_locked_out(self, lock_out: Callable[[User], object]) -> None:
        tokens = opened(UserFactory.create())
        lock_out(tokens.session.user)
        tokens.session.refresh_from_db()
        assert tokens.session.revoked_for == Session.Ending.LOCKED_OUT
        # Letting them in again opens no door that was shut.
        User.objects.filter(pk=tokens.session.user_id, anonymised_at=None).update(is_active=True)
        assert not alive(tokens)

    def test_would_not_come_without_accounts_user_locked_out_has_no_session(self) -> None:
        tokens = opened(UserFactory.create())
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE accounts_user DISABLE TRIGGER accounts_user_locked_out_has_no_session")
        User.objects.filter(pk=tokens.session.user_id).update(password="another")
        assert alive(tokens)

    def test_forgets_where_a_forgotten_person_was(self) -> None:
        tokens = opened(UserFactory.create())
        users.anonymise(user_id=tokens.session.user_id, by=SYSTEM, reason="asked for it")
        tokens.session.refresh_from_db()
        assert (tokens.session.ip, tokens.session.user_agent) == ("", "")


class TestPurging:
    def test_deletes_what_is_over_and_nothing_else(self, clock: TestClock) -> None:
        old = opened(UserFactory.create())
        refreshed(old.refresh)
        clock.advance(days=31)
        sessions.purge_over(by=SYSTEM)
        assert not RefreshToken.objects.exists()
        assert Session.objects.count() == 1, "the device was still seen within 90 days"
        young = opened(UserFactory.create())
        clock.advance(days=60)
        sessions.purge_over(by=SYSTEM)
        assert Session.objects.get() == young.session
