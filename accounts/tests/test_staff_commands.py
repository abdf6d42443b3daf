"""What operators do about staff where no superadmin can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from accounts.models import SecondFactor, User
from accounts.tests.factories import StaffFactory, UserFactory
from accounts.tests.phones import enrolled
from accounts.tests.visitors import Visitor
from audit.models import AuditLog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


def test_somebody_is_let_in_with_a_password_that_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_staff", "zoya", "--role", "superadmin", "--first-name", "Zoya")
    password = capsys.readouterr().out.strip()
    zoya = User.objects.get(login="zoya")
    assert (zoya.first_name, zoya.groups.get().name, len(password)) == ("Zoya", "superadmin", 20)
    assert Visitor().logs_in("zoya", password).status_code == 200
    assert AuditLog.objects.get(action="accounts.staff.created").metadata["door"] == "command"
    with pytest.raises(CommandError, match="belongs to somebody else"):
        call_command("create_staff", "zoya", "--role", "viewer")


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("create_staff", "zoya", "--role", "king")


def test_the_last_superadmin_s_factor_is_reset(capsys: pytest.CaptureFixture[str]) -> None:
    chief = StaffFactory.create(role="superadmin", login="chief")
    enrolled(chief)
    call_command("reset_second_factor", "chief", "--reason", "lost phone")
    assert "chief has no second factor any more" in capsys.readouterr().out
    assert not SecondFactor.objects.exists()
    deed = AuditLog.objects.get(action="second_factor.reset")
    assert (deed.metadata["reason"], deed.actor["kind"]) == ("lost phone", "system")
    with pytest.raises(CommandError, match="no second factor"):
        call_command("reset_second_factor", "chief")


def test_nobody_else_is_reset() -> None:
    UserFactory.create(username="anna")
    with pytest.raises(CommandError, match="no such user"):
        call_command("reset_second_factor", "anna")
