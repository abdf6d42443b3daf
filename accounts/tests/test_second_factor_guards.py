"""What the database itself refuses about second factors, and about the last superadmin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from accounts import errors
from accounts.models import BackupCode, SecondFactor, User
from accounts.operations import second_factors, staff, users
from accounts.people import actor_of
from accounts.tests.factories import StaffFactory, UserFactory
from accounts.tests.phones import backup_codes, enrolled
from core.actors import SYSTEM, Actor
from core.database_roles import as_owner
from core.ids import uuid7
from core.tests.guards import SOME_MOMENT, Case, Change, Copy, GuardTests, Id, Rows, execute, guard_of, refused_by
from core.tests.made_once import made_once
from core.tests.racing import race

DIGEST: Final = "\\x" + "5f" * 32


@made_once
def rows() -> Rows:
    olga, boris = StaffFactory.create_batch(2)
    for user in (olga, boris):
        enrolled(user)
    codes = backup_codes(olga)
    second_factors.use(user_id=olga.pk, code=codes[0], by=actor_of(olga))
    factor = SecondFactor.objects.get(user=olga)
    SecondFactor.objects.filter(pk=factor.pk).update(last_step=7)
    return {
        "other": boris,
        "third": StaffFactory.create(),
        "factor": factor,
        "used": BackupCode.objects.get(used_at__isnull=False),
        "code": BackupCode.objects.filter(used_at=None)[0],
        "another factor": SecondFactor.objects.get(user=boris),
    }


CASES = [
    Case(
        "accounts_user_lockouts_check",
        refused=Change("other", {"lockouts": -1}),
        allowed=Change("other", {"lockouts": 1}),
    ),
    Case(
        "accounts_secondfactor_has_a_secret",
        refused=Change("factor", {"secret": "\\x"}),
        allowed=Change("factor", {"secret": DIGEST}),
    ),
    Case(
        "accounts_secondfactor_user_id_key",
        refused=Copy("factor", {"id": uuid7()}),
        allowed=Copy("factor", {"id": uuid7(), "user_id": Id("third")}),
    ),
    Case(
        "accounts_secondfactor_is_frozen",
        refused=Change("factor", {"user_id": Id("third")}),
        allowed=Change("factor", {"confirmed_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_secondfactor_step_is_never_taken_back",
        refused=Change("factor", {"last_step": 6}),
        allowed=Change("factor", {"last_step": 8}),
    ),
    Case(
        "accounts_backupcode_digest_key",
        refused=Copy("code", {"id": uuid7()}),
        allowed=Copy("code", {"id": uuid7(), "digest": DIGEST}),
    ),
    Case(
        "accounts_backupcode_is_frozen",
        refused=Change("code", {"factor_id": Id("another factor")}),
        allowed=Change("code", {"used_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_backupcode_is_used_once",
        refused=Change("used", {"used_at": None}),
        allowed=Change("code", {"used_at": SOME_MOMENT}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
class TestGuards(GuardTests):
    pass


# The last superadmin.

Loss = Callable[[User], object]


def _without_role(user: User) -> object:
    return execute("DELETE FROM accounts_user_groups WHERE user_id = %s", user.pk)


def _gone(user: User) -> None:
    _without_role(user)
    execute("DELETE FROM accounts_user WHERE id = %s", user.pk)


def _without_any_role(_user: User) -> None:
    Group.objects.get(name="superadmin").delete()


# By raw SQL, each way in which somebody stops being superadmin, and the trigger that refuses it.
LOSSES: Final[dict[str, tuple[str, Loss]]] = {
    "is kept out": (
        "accounts_user_has_a_superadmin_left",
        lambda user: execute("UPDATE accounts_user SET is_active = false WHERE id = %s", user.pk),
    ),
    "is no longer staff": (
        "accounts_user_has_a_superadmin_left",
        lambda user: execute("UPDATE accounts_user SET is_staff = false WHERE id = %s", user.pk),
    ),
    "loses the role": ("accounts_user_groups_has_a_superadmin_left", _without_role),
    "gets another role": (
        "accounts_user_groups_has_a_superadmin_left",
        lambda user: execute(
            "UPDATE accounts_user_groups SET group_id = (SELECT id FROM auth_group WHERE name = 'viewer') "
            "WHERE user_id = %s",
            user.pk,
        ),
    ),
    "sees the role renamed": (
        "auth_group_has_a_superadmin_left",
        lambda _user: execute("UPDATE auth_group SET name = 'king' WHERE name = 'superadmin'"),
    ),
    "sees the role deleted": ("accounts_user_groups_has_a_superadmin_left", _without_any_role),
}
OF_ROOT: Final[dict[str, tuple[str, Loss]]] = {
    "is no superuser": (
        "accounts_user_has_a_superadmin_left",
        lambda user: execute("UPDATE accounts_user SET is_superuser = false WHERE id = %s", user.pk),
    ),
    "is deleted": ("accounts_user_gone_has_a_superadmin_left", _gone),
    "is kept out": LOSSES["is kept out"],
}


@pytest.mark.django_db
class TestTheLastSuperadmin:
    @pytest.mark.parametrize("way", LOSSES)
    def test_is_not_lost_by_raw_sql(self, way: str) -> None:
        guard, lose = LOSSES[way]
        self._is_kept(StaffFactory.create(role="superadmin"), guard, lose)

    @pytest.mark.parametrize("way", OF_ROOT)
    def test_is_not_lost_where_createsuperuser_made_it(self, way: str) -> None:
        guard, lose = OF_ROOT[way]
        self._is_kept(StaffFactory.create(is_superuser=True), guard, lose)

    def _is_kept(self, user: User, guard: str, lose: Loss) -> None:
        StaffFactory.create(role="superadmin", is_active=False)
        StaffFactory.create(role="operator")
        with refused_by(guard):
            lose(user)
            execute("SET CONSTRAINTS ALL IMMEDIATE")
        # With somebody else there it is nobody's business.
        StaffFactory.create(is_superuser=True)
        with transaction.atomic():
            lose(user)
            execute("SET CONSTRAINTS ALL IMMEDIATE")
            execute("SET CONSTRAINTS ALL DEFERRED")
            transaction.set_rollback(True)

    def test_would_be_lost_without_the_trigger(self) -> None:
        user = StaffFactory.create(role="superadmin")
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        with as_owner():
            execute("ALTER TABLE accounts_user DISABLE TRIGGER accounts_user_has_a_superadmin_left")
        assert execute("UPDATE accounts_user SET is_active = false WHERE id = %s", user.pk) == 1

    def test_may_give_way_to_another_in_one_transaction(self) -> None:
        one, other = StaffFactory.create(role="superadmin"), StaffFactory.create(role="viewer")
        one.groups.set([Group.objects.get(name="viewer")])
        other.groups.set([Group.objects.get(name="superadmin")])
        execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_is_none_of_the_others_business(self) -> None:
        """A house that has no superadmin yet may do what it likes with everybody else."""
        olga, anna = StaffFactory.create(role="operator"), UserFactory.create()
        execute("UPDATE accounts_user SET is_active = false WHERE id IN (%s, %s)", olga.pk, anna.pk)
        _without_role(olga)
        execute("SET CONSTRAINTS ALL IMMEDIATE")


WAYS: Final[dict[str, Callable[..., object]]] = {
    "set_role": partial(users.set_role, role="viewer", reason="why"),
    "set_active": partial(users.set_active, is_active=False, reason="why"),
    "anonymise": partial(users.anonymise, reason="why"),
    "change": partial(staff.change, role="viewer", reason="why"),
    "dismiss": partial(staff.dismiss, reason="why"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS)
class TestOperations:
    def test_refuse_to_lose_the_last_superadmin(self, way: str) -> None:
        user = StaffFactory.create(role="superadmin")
        with pytest.raises(errors.LastSuperadmin):
            WAYS[way](user_id=user.pk, by=SYSTEM)
        user.refresh_from_db()
        assert (user.is_active, user.is_staff, user.groups.get().name) == (True, True, "superadmin")

    def test_refuse_what_somebody_does_to_themselves(self, way: str) -> None:
        user, _other = StaffFactory.create_batch(2, role="superadmin")
        at_the_shell = Actor(kind="shell", id=str(user.pk), label="olga", user_id=str(user.pk))
        for by in (actor_of(user), at_the_shell):
            with pytest.raises(errors.NotYourself):
                WAYS[way](user_id=user.pk, by=by)
        user.refresh_from_db()
        assert (user.is_active, user.is_staff, user.groups.get().name) == (True, True, "superadmin")

    def test_leave_one_of_two_who_do_it_to_each_other_at_once(self, way: str) -> None:
        one, other = StaffFactory.create_batch(2, role="superadmin")
        given = race(partial(_attempt, way, one, other), partial(_attempt, way, other, one))
        assert len([each for each in given if each == "done"]) == 1, given
        assert _left() == 1


@pytest.mark.django_db(transaction=True)
class TestRawSqlAtOnce:
    """Each transaction sees two superadmins until the other commits: what makes them take turns is the lock."""

    def test_leaves_one(self) -> None:
        one, other = StaffFactory.create_batch(2, role="superadmin")
        given = race(partial(_by_sql, one), partial(_by_sql, other))
        assert sorted(given) == ["accounts_user_has_a_superadmin_left", "done"]
        assert _left() == 1

    def test_would_leave_nobody_without_the_lock(self) -> None:
        """The control: both look before either has committed."""
        one, other = StaffFactory.create_batch(2, role="superadmin")
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_functiondef('accounts_lock_superadmins()'::regprocedure)")
            ((kept,),) = cursor.fetchall()
            cursor.execute(
                "CREATE OR REPLACE FUNCTION accounts_lock_superadmins() RETURNS void LANGUAGE sql AS 'SELECT'"
            )
        try:
            # The first one's check is over, and its transaction is not.
            with transaction.atomic():
                execute("UPDATE accounts_user SET is_active = false WHERE id = %s", one.pk)
                execute("SET CONSTRAINTS ALL IMMEDIATE")
                assert race(partial(_by_sql, other)) == ["done"]
            assert _left() == 0
        finally:
            with as_owner():
                execute(kept.replace("%", "%%"))


def _attempt(way: str, by: User, whom: User) -> str:
    try:
        WAYS[way](user_id=whom.pk, by=actor_of(by))
    except (errors.LastSuperadmin, errors.RoleNotYoursToGive, errors.NotYourself) as refusal:
        return refusal.code
    return "done"


def _by_sql(user: User) -> Any:
    try:
        with transaction.atomic():
            execute("UPDATE accounts_user SET is_active = false WHERE id = %s", user.pk)
    except IntegrityError as refusal:
        return guard_of(refusal)
    return "done"


def _left() -> int:
    return User.objects.filter(is_active=True, is_staff=True, groups__name="superadmin").count()
