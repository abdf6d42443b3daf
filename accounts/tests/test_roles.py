"""Groups equal the roles in the code, after each migrate and whatever was done to them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import ROLES, Role, sync_groups
from accounts.tests.factories import StaffFactory
from audit.models import AuditLog

pytestmark = pytest.mark.django_db


def rights(role: str) -> set[str]:
    """As ``app.codename``."""
    held = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in held}


def everything() -> dict[str, set[str]]:
    return {name: rights(name) for name in ROLES}


class TestAfterMigrating:
    def test_there_is_a_group_for_each_role(self) -> None:
        assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)

    def test_each_has_what_its_role_may(self) -> None:
        for permission in Permission.objects.select_related("content_type"):
            app, codename = permission.content_type.app_label, permission.codename
            for role in ROLES.values():
                assert (f"{app}.{codename}" in rights(role.name)) == role.allows(app, codename)

    def test_nobody_has_a_right_over_sessions_and_groups(self) -> None:
        held = set.union(*everything().values())
        assert held
        assert not {right for right in held if right.startswith(("auth.", "sessions.", "admin.", "contenttypes."))}

    def test_viewers_only_look(self) -> None:
        assert rights("viewer")
        assert all(right.partition(".")[2].startswith("view_") for right in rights("viewer"))

    def test_each_role_holds_what_the_one_below_it_holds(self) -> None:
        assert rights("viewer") < rights("support") < rights("superadmin")
        assert rights("viewer") < rights("operator") < rights("superadmin")

    def test_no_pattern_of_a_role_is_idle(self) -> None:
        known = {
            (permission.content_type.app_label, permission.codename)
            for permission in Permission.objects.select_related("content_type")
        }
        for role in ROLES.values():
            for pattern in role.may:
                only = Role(role.name, role.title, (pattern,))
                assert any(only.allows(*each) for each in known), f"{role.name}: {pattern} gives nothing"


class TestSyncing:
    def test_writes_nothing_where_all_is_right(self) -> None:
        before, told = everything(), AuditLog.objects.count()
        with CaptureQueriesContext(connection) as queries:
            sync_groups()
        assert not [each["sql"] for each in queries if each["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert everything() == before
        assert AuditLog.objects.count() == told

    def test_takes_away_what_no_role_has_and_gives_back_what_is_lacking(self) -> None:
        before = everything()
        viewers = Group.objects.get(name="viewer")
        viewers.permissions.add(Permission.objects.get(codename="change_user", content_type__app_label="accounts"))
        viewers.permissions.remove(Permission.objects.get(codename="view_user", content_type__app_label="accounts"))
        Group.objects.get(name="support").delete()
        assert rights("viewer") != before["viewer"]

        call_command("migrate", verbosity=0)

        assert everything() == before

    def test_takes_away_what_a_model_no_longer_has(self) -> None:
        gone = Permission.objects.create(
            codename="burn_user", name="Burn", content_type=ContentType.objects.get_for_model(User)
        )
        Group.objects.get(name="operator").permissions.add(gone)
        sync_groups()
        assert "accounts.burn_user" not in rights("operator")
        assert "accounts.burn_user" in rights("superadmin")

    def test_leaves_groups_alone_that_are_no_roles(self) -> None:
        own = Group.objects.create(name="book club")
        own.permissions.add(Permission.objects.get(codename="view_user", content_type__app_label="accounts"))
        sync_groups()
        assert own.permissions.count() == 1

    def test_is_recorded_as_the_systems_own_deed(self) -> None:
        Group.objects.get(name="viewer").permissions.clear()
        last = AuditLog.objects.order_by("-id").values_list("id", flat=True).first() or 0
        sync_groups()
        told = AuditLog.objects.filter(id__gt=last)
        assert {row.action for row in told} == {"auth.group.rights_given"}
        assert {row.actor["kind"] for row in told} == {"system"}


@pytest.mark.parametrize("role", list(ROLES))
def test_staff_may_what_their_role_may_and_no_more(role: str) -> None:
    person = StaffFactory.create(role=role)
    assert person.get_all_permissions() == rights(role)


def test_a_permission_of_another_app_with_the_same_name_is_not_meant() -> None:
    role = Role("auditor", ROLES["viewer"].title, ("audit.view_*",))
    assert role.allows("audit", "view_auditlog")
    assert not role.allows("billing", "view_wallet")
    assert not role.allows("audit", "change_adminalert")
    assert not Role("everybody", ROLES["viewer"].title, ("*",)).allows("auth", "change_group")
