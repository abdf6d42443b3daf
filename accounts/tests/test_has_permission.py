"""Whether somebody may do something is asked in one query, and answered as Django's own question would be."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from pytest_django import DjangoAssertNumQueries

from accounts import queries
from accounts.models import User
from accounts.roles import ROLES
from accounts.tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

ASKED = ("billing.view_tariff", "billing.change_tariff", "core.change_setting", "billing.credit_wallet")


@pytest.mark.parametrize("role", ROLES)
def test_is_what_the_role_allows(role: str) -> None:
    user = StaffFactory.create(role=role)
    for permission in ASKED:
        app, _dot, codename = permission.partition(".")
        told = queries.has_permission(user.pk, permission)
        assert told == ROLES[role].allows(app, codename) == User.objects.get(pk=user.pk).has_perm(permission)


def test_is_also_what_somebody_was_given_by_themselves() -> None:
    user = StaffFactory.create()
    assert not queries.has_permission(user.pk, "billing.view_tariff")
    user.user_permissions.add(Permission.objects.get(codename="view_tariff"))
    assert queries.has_permission(user.pk, "billing.view_tariff")
    assert not queries.has_permission(user.pk, "core.view_tariff")


def test_is_everything_for_superusers_while_they_are_active() -> None:
    # Somebody must be one when the first is kept out.
    StaffFactory.create(is_superuser=True)
    user = StaffFactory.create(is_superuser=True)
    assert queries.has_permission(user.pk, "core.change_setting")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not queries.has_permission(user.pk, "core.change_setting")


def test_is_nothing_for_customers() -> None:
    assert not any(queries.has_permission(UserFactory.create().pk, permission) for permission in ASKED)


def test_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = StaffFactory.create(role="operator")
    with django_assert_num_queries(1):
        assert queries.has_permission(user.pk, "billing.change_tariff")
