"""Phones are enrolled, their codes are used once however many try, backup codes too, and all of it is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings

from accounts import errors, locks, queries
from accounts.keyring import sealer
from accounts.models import BackupCode, SecondFactor, Session, User
from accounts.operations import second_factors, sessions, users
from accounts.people import actor_of
from accounts.rules import second_factors as rules
from accounts.tasks import seal_factors_anew
from accounts.tests.factories import StaffFactory, UserFactory, opened
from accounts.tests.phones import Phone, backup_codes, enrolled
from audit.models import AuditLog
from conftest import TestClock
from core.actors import SYSTEM
from core.tests.racing import held_up, race, until_somebody_waits, without

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 16


def enrol(user: User, phone: Phone, code: str = "", **more: Any) -> list[str]:
    return second_factors.enrol(
        user_id=user.pk, secret=phone.secret, code=code or phone.shows(), by=actor_of(user), **more
    )


def use(user: User, code: str) -> bool:
    return second_factors.use(user_id=user.pk, code=code, by=actor_of(user))


def deeds(action: str) -> list[AuditLog]:
    return list(AuditLog.objects.filter(action=action).order_by("id"))


class TestEnrolling:
    def test_gives_ten_codes_and_stores_nothing_in_clear(self) -> None:
        olga, phone = StaffFactory.create(), Phone()
        codes = enrol(olga, phone)
        assert len(codes) == len(set(codes)) == rules.BACKUP_CODES
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT string_agg(f::text, '') FROM accounts_secondfactor f) "
                "|| (SELECT string_agg(b::text, '') FROM accounts_backupcode b) "
                "|| (SELECT string_agg(a::text, '') FROM audit_auditlog a)"
            )
            stored = cursor.fetchone()[0]
        for secret in (phone.secret.hex(), rules.spelled(phone.secret).replace(" ", ""), *codes):
            assert secret not in stored
            assert secret.replace("-", "") not in stored
        assert [deed.entity_id for deed in deeds("second_factor.enrolled")] == [str(olga.pk)]

    def test_uses_up_the_code_that_it_was_shown(self, clock: TestClock) -> None:
        olga, phone = StaffFactory.create(), Phone()
        code = phone.shows()
        enrol(olga, phone, code)
        assert not use(olga, code)
        clock.advance(seconds=30)
        assert use(olga, phone.shows())

    def test_needs_the_right_code(self) -> None:
        olga, phone = StaffFactory.create(), Phone()
        with pytest.raises(errors.OtpWrong):
            enrol(olga, phone, phone.shows_not())
        assert not SecondFactor.objects.exists()

    def test_takes_nobody_s_place_unasked(self, clock: TestClock) -> None:
        olga = StaffFactory.create()
        first, second = Phone(), Phone()
        old_codes = enrol(olga, first)
        with pytest.raises(errors.SecondFactorExists):
            enrol(olga, second)
        clock.advance(seconds=30)
        enrol(olga, second, replace=True)
        clock.advance(seconds=30)
        assert not use(olga, first.shows())
        assert not use(olga, old_codes[0]), "the codes of the old phone ended with it"
        assert use(olga, second.shows())

    def test_by_four_at_once_gives_one_phone(self) -> None:
        assert sorted(self._tried_by_four_at_once()) == ["enrolled"] + ["refused"] * 3
        assert BackupCode.objects.count() == rules.BACKUP_CODES

    def test_would_give_four_phones_without_lock_and_constraint(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: everybody reads before anybody writes, and a person may have more than one."""
        monkeypatch.setattr(locks, "user", lambda user_id: User.objects.get(pk=user_id))
        with without("accounts_secondfactor", "accounts_secondfactor_user_id_key"):
            assert self._tried_by_four_at_once() == ["enrolled"] * 4
            assert BackupCode.objects.count() == 4 * rules.BACKUP_CODES

    def _tried_by_four_at_once(self) -> list[str]:
        olga = StaffFactory.create()

        def attempt(phone: Phone) -> str:
            try:
                enrol(olga, phone)
            except errors.SecondFactorExists:
                return "refused"
            return "enrolled"

        return held_up(olga, *[partial(attempt, Phone()) for _phone in range(4)])

    @pytest.mark.parametrize("who", [UserFactory.create, lambda: StaffFactory.create(is_active=False)])
    def test_is_for_those_who_work_here(self, who: Callable[[], User]) -> None:
        with pytest.raises(errors.NotStaff):
            enrol(who(), Phone())


class TestUsing:
    @pytest.fixture(autouse=True)
    def minute_that_does_not_end(self, clock: TestClock) -> None:
        """Codes are told by how many half minutes they are away."""
        clock.stop()

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_takes_a_code_once(self, steps: int) -> None:
        olga = StaffFactory.create()
        code = enrolled(olga).shows(steps)
        assert [use(olga, code) for _time in range(3)] == [True, False, False]

    def test_takes_no_code_before_the_one_that_was_used(self) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        assert use(olga, phone.shows(1))
        assert not use(olga, phone.shows())
        assert not use(olga, phone.shows(-1))

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_takes_no_code_of_another_time(self, steps: int) -> None:
        olga = StaffFactory.create()
        assert not use(olga, enrolled(olga).shows(steps))

    def test_takes_no_code_of_somebody_else(self) -> None:
        olga, boris = StaffFactory.create_batch(2)
        enrolled(olga)
        phone = enrolled(boris)
        assert not use(olga, phone.shows())
        assert not use(olga, backup_codes(boris)[0])
        assert use(boris, phone.shows())

    def test_takes_each_backup_code_once(self) -> None:
        olga = StaffFactory.create()
        enrolled(olga)
        codes = backup_codes(olga)
        assert [use(olga, code.upper()) for code in codes + codes] == [True] * 10 + [False] * 10
        assert [deed.metadata["left"] for deed in deeds("second_factor.backup_code_used")] == [*range(9, -1, -1)]

    def test_remembers_what_was_wrong(self) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        assert not use(olga, phone.shows_not())
        (refused,) = deeds("second_factor.refused")
        assert (refused.entity_id, refused.user_id) == (str(olga.pk), olga.pk)

    def test_refuses_where_there_is_none(self) -> None:
        with pytest.raises(errors.NoSecondFactor):
            use(StaffFactory.create(), "123456")


class TestManyAtOnce:
    """The lock is the factor's row (``locks.second_factor``): all wait for it, and each then sees what is used up."""

    @pytest.mark.parametrize("kind", ["phone", "backup"])
    def test_have_one_success(self, kind: str) -> None:
        olga = StaffFactory.create()
        phone = enrolled(olga)
        code = phone.shows() if kind == "phone" else backup_codes(olga)[0]
        with self._held(SecondFactor.objects.get()) as answers:
            answers.begin(olga, code)
        assert sorted(answers.given) == [False] * (MANY - 1) + [True]

    def test_would_all_succeed_without_the_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: everybody reads before anybody writes."""
        monkeypatch.setattr(locks, "second_factor", lambda user_id: SecondFactor.objects.get(user=user_id))
        olga = StaffFactory.create()
        code = enrolled(olga).shows()
        with self._held(SecondFactor.objects.get()) as answers:
            answers.begin(olga, code)
        assert answers.given == [True] * MANY

    class Answers:
        def __init__(self, pool: ThreadPoolExecutor) -> None:
            self.pool = pool
            self.given: list[bool] = []

        def begin(self, user: User, code: str) -> None:
            self.running = self.pool.submit(race, *[partial(use, user, code)] * MANY)
            until_somebody_waits(MANY)

    @contextmanager
    def _held(self, factor: SecondFactor) -> Iterator[Answers]:
        with ThreadPoolExecutor(1) as pool:
            answers = self.Answers(pool)
            with transaction.atomic():
                SecondFactor.objects.select_for_update().get(pk=factor.pk)
                yield answers
            answers.given = answers.running.result(60)


class TestBackupCodes:
    def test_are_made_anew_and_the_former_ones_end(self) -> None:
        olga = StaffFactory.create()
        enrolled(olga)
        before = backup_codes(olga)
        after = second_factors.renew_backup_codes(user_id=olga.pk, by=actor_of(olga))
        assert not use(olga, before[0])
        assert use(olga, after[0])
        assert queries.count_backup_codes(olga.pk) == 9
        assert len(deeds("second_factor.backup_codes_renewed")) == 1

    def test_need_a_factor(self) -> None:
        with pytest.raises(errors.NoSecondFactor):
            second_factors.renew_backup_codes(user_id=StaffFactory.create().pk, by=SYSTEM)


class TestDoingWithout:
    def test_ends_all_sessions(self) -> None:
        olga = StaffFactory.create()
        enrolled(olga)
        backup_codes(olga)
        session = opened(olga).session
        before = olga.get_session_auth_hash()
        olga = second_factors.switch_off(user_id=olga.pk, by=actor_of(olga))
        assert not SecondFactor.objects.exists()
        assert queries.find_living_session(session.pk) is None
        assert olga.get_session_auth_hash() != before, "those of Admin, too"
        assert len(deeds("second_factor.switched_off")) == 1

    def test_is_refused_where_everybody_must_have_one(self) -> None:
        olga = StaffFactory.create()
        enrolled(olga)
        with override_settings(REQUIRE_STAFF_2FA=True), pytest.raises(errors.SecondFactorNeeded):
            second_factors.switch_off(user_id=olga.pk, by=actor_of(olga))
        assert SecondFactor.objects.exists()


class TestResetting:
    def test_is_done_by_a_superadmin_and_ends_all_sessions(self) -> None:
        olga, chief = StaffFactory.create(role="operator"), StaffFactory.create(role="superadmin")
        enrolled(olga)
        session = opened(olga).session
        second_factors.reset(user_id=olga.pk, by=actor_of(chief), reason="lost her phone")
        assert not SecondFactor.objects.exists()
        assert queries.find_living_session(session.pk) is None
        (deed,) = deeds("second_factor.reset")
        assert (deed.user_id, deed.metadata["reason"]) == (chief.pk, "lost her phone")

    def test_is_nobody_else_s_nor_one_s_own(self) -> None:
        olga, chief = StaffFactory.create(role="operator"), StaffFactory.create(role="superadmin")
        enrolled(olga)
        enrolled(chief)
        with pytest.raises(errors.RoleNotYoursToGive):
            second_factors.reset(user_id=chief.pk, by=actor_of(olga), reason="mine now")
        with pytest.raises(errors.NotYourself):
            second_factors.reset(user_id=chief.pk, by=actor_of(chief), reason="why not")
        assert SecondFactor.objects.count() == 2


class TestAKeyThatIsReplaced:
    OLD, NEW = "o" * 50, "n" * 50

    def test_opens_while_it_is_a_fallback_and_is_not_needed_once_sealed_anew(self, clock: TestClock) -> None:
        olga = StaffFactory.create()
        with override_settings(SECRET_KEY=self.OLD):
            phone = enrolled(olga)
        with override_settings(SECRET_KEY=self.NEW, SECRET_KEY_FALLBACKS=[self.OLD]):
            assert use(olga, phone.shows())
            seal_factors_anew(by=SYSTEM)
            assert second_factors.seal_anew(by=SYSTEM) == 0, "what is right is not written"
        clock.advance(seconds=30)
        with override_settings(SECRET_KEY=self.NEW, SECRET_KEY_FALLBACKS=[]):
            assert use(olga, phone.shows())

    def test_that_is_gone_leaves_the_backup_codes(self) -> None:
        olga = StaffFactory.create()
        with override_settings(SECRET_KEY=self.OLD):
            phone = enrolled(olga)
        codes = backup_codes(olga)
        with override_settings(SECRET_KEY=self.NEW, SECRET_KEY_FALLBACKS=[]):
            assert not use(olga, phone.shows())
            assert use(olga, codes[0])

    def test_is_another_than_that_of_sessions(self) -> None:
        assert sealer().encrypt(b"x") != sealer().encrypt(b"x")
        assert b"x" * 20 not in sealer().encrypt(b"x" * 20)


class TestSessions:
    def test_are_verified_by_a_code_of_their_owner(self) -> None:
        olga, boris = StaffFactory.create_batch(2)
        phone = enrolled(olga)
        session, other = opened(olga).session, opened(boris).session
        told: dict[str, Any] = {"user_id": olga.pk, "code": phone.shows(), "by": actor_of(olga)}
        with pytest.raises(errors.SessionNotFound):
            sessions.verify(session_id=other.pk, **told)
        assert sessions.verify(session_id=session.pk, **told), "the refusal took its code back"
        assert not sessions.verify(session_id=session.pk, **told)
        verified = dict(Session.objects.values_list("pk", "verified_at"))
        assert verified[session.pk] is not None
        assert verified[other.pk] is None

    def test_need_a_factor(self) -> None:
        olga = StaffFactory.create()
        with pytest.raises(errors.NoSecondFactor):
            sessions.verify(session_id=opened(olga).session.pk, user_id=olga.pk, code="123456", by=actor_of(olga))


def test_who_is_forgotten_has_no_factor() -> None:
    olga = StaffFactory.create()
    enrolled(olga)
    backup_codes(olga)
    users.anonymise(user_id=olga.pk, by=SYSTEM, reason="asked for it")
    assert not SecondFactor.objects.exists()
    assert not BackupCode.objects.exists()
