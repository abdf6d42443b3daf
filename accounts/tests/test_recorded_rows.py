"""Which changes of people, their rights and their keys are told, by which trigger."""

from __future__ import annotations

from typing import Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Model

from accounts.models import BackupCode, SecondFactor, User
from accounts.tests.factories import ApiKeyFactory, CompanyFactory, MembershipFactory, StaffFactory, opened
from accounts.tests.phones import enrolled
from audit.tests.recorded import Case, RecordTests
from core.ids import uuid7
from core.tests.guards import SOME_MOMENT, Change, Copy, Delete, GuardTests, Id, Rows
from core.tests.guards import Case as GuardCase
from core.tests.made_once import made_once

LINK: Final = 2_000_000_000

CASES: Final = [
    Case(
        "accounts_user_is_audited",
        Change("user", {"first_name": "Anna"}),
        "accounts.user.updated",
        untold=Change("user", {"last_login": SOME_MOMENT, "updated_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_user_is_audited",
        Copy("user", {"id": uuid7(), "login": "other", "referral_code": "OTHER", "telegram_id": None}),
        "accounts.user.created",
    ),
    Case("accounts_company_is_audited", Change("company", {"is_active": False}), "accounts.company.updated"),
    Case("accounts_company_is_audited", Delete("company"), "accounts.company.deleted"),
    Case("accounts_membership_is_audited", Change("place", {"role": "admin"}), "accounts.membership.updated"),
    Case("accounts_membership_is_audited", Delete("place"), "accounts.membership.deleted"),
    Case(
        "accounts_apikey_is_audited",
        Change("key", {"name": "Another"}),
        "accounts.apikey.updated",
        untold=Change("key", {"last_used_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_session_is_audited",
        Change("session", {"ip": "192.0.2.9"}),
        "accounts.session.updated",
        untold=Change("session", {"last_used_at": SOME_MOMENT}),
    ),
    Case("accounts_session_is_audited", Change("session", {"verified_at": SOME_MOMENT}), "accounts.session.updated"),
    Case(
        "accounts_secondfactor_is_audited",
        Change("factor", {"confirmed_at": SOME_MOMENT}),
        "accounts.secondfactor.updated",
        untold=Change("factor", {"last_step": 7}),
    ),
    Case("accounts_secondfactor_is_audited", Delete("factor"), "accounts.secondfactor.deleted"),
    Case("accounts_backupcode_is_audited", Change("code", {"used_at": SOME_MOMENT}), "accounts.backupcode.updated"),
    Case("accounts_backupcode_is_audited", Delete("code"), "accounts.backupcode.deleted"),
    Case("accounts_session_is_audited", Copy("session", {"id": uuid7()}), "accounts.session.created"),
    Case("accounts_user_groups_is_audited", Delete("user's group"), "accounts.user.right_taken"),
    Case(
        "accounts_user_groups_is_audited",
        Copy("user's group", {"id": LINK, "group_id": Id("group")}),
        "accounts.user.right_given",
    ),
    Case("accounts_user_user_permissions_is_audited", Delete("user's permission"), "accounts.user.right_taken"),
    Case(
        "accounts_user_user_permissions_is_audited",
        Copy("user's permission", {"id": LINK, "permission_id": Id("permission")}),
        "accounts.user.right_given",
    ),
    Case("auth_group_is_audited", Change("group", {"name": "Nobody"}), "auth.group.updated"),
    Case(
        "auth_group_permissions_given_are_audited",
        Copy("group's permission", {"id": LINK, "permission_id": Id("permission")}),
        "auth.group.rights_given",
    ),
    Case("auth_group_permissions_taken_are_audited", Delete("group's permission"), "auth.group.rights_taken"),
]


@made_once
def rows() -> Rows:
    user, group = StaffFactory.create(), Group.objects.create(name="Empty")
    factor, coded = (_factor(each) for each in (user, StaffFactory.create()))
    given, other = Permission.objects.all()[:2]
    filled = Group.objects.create(name="Filled")
    user.groups.add(filled)
    user.user_permissions.add(given)
    filled.permissions.add(given)
    return {
        "user": user,
        "company": CompanyFactory.create(),
        "place": MembershipFactory.create(),
        "key": ApiKeyFactory.create(),
        "session": opened(user).session,
        "factor": factor,
        "code": BackupCode.objects.create(factor=coded, digest=b"x" * 32),
        "group": group,
        "permission": other,
        "user's group": _link(User.groups.through, group=filled),
        "user's permission": _link(User.user_permissions.through, permission=given),
        "group's permission": _link(Group.permissions.through, group=filled),
    }


def _factor(user: User) -> SecondFactor:
    enrolled(user)
    return SecondFactor.objects.get(user=user)


def _link(through: type[Model], **ends: Model) -> Model:
    return through._default_manager.get(**ends)


@pytest.mark.parametrize("case", CASES, ids=str)
class TestRow(RecordTests):
    pass


@pytest.mark.parametrize(
    "case",
    [
        GuardCase(
            "auth_group_permissions_are_given_or_taken",
            Change("group's permission", {"permission_id": Id("permission")}),
            Delete("group's permission"),
        ),
    ],
    ids=str,
)
class TestRight(GuardTests):
    pass
