"""``manage.py shell``: who looks may look; who writes says who and why, and the audit log knows."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from textwrap import dedent

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.tests.factories import StaffFactory, UserFactory
from audit.models import AuditLog
from core.database_roles import application_role
from core.tests.processes import manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.setup]

WHY = "ticket 7"


@pytest.fixture
def olga() -> User:
    return StaffFactory.create(login="olga")


@pytest.fixture
def anna() -> User:
    return UserFactory.create(first_name="Anna")


def shell(home: Path, script: str, *arguments: str) -> CompletedProcess[str]:
    """The script as somebody pipes it into the shell."""
    return manage(home, "shell", "-v0", *arguments, says=dedent(script))


def name_of(user: User) -> str:
    user.refresh_from_db()
    return user.first_name


class TestWithoutWhoAndWhy:
    def test_shows_everything(self, tmp_path: Path, anna: User) -> None:
        ran = shell(tmp_path, f"print(get_user('{anna.pk}').first_name)")
        assert ran.stdout.strip() == "Anna"
        assert "--as" in ran.stderr

    def test_changes_nothing_by_whatever_way(self, tmp_path: Path, anna: User) -> None:
        ran = shell(
            tmp_path,
            f"""
            from django.db import connection
            from core.actors import SYSTEM
            def attempt(change):
                try:
                    change()
                except Exception as refusal:
                    print(type(refusal.__cause__ or refusal).__name__)
                else:
                    print("changed")
            attempt(lambda: User.objects.update(first_name="Nina"))
            attempt(lambda: users.update(user_id="{anna.pk}", first_name="Nina", by=SYSTEM))
            attempt(lambda: connection.cursor().execute("DELETE FROM accounts_user"))
            # A connection that replaces the first is no way around, either.
            connection.close()
            attempt(lambda: User.objects.update(first_name="Nina"))
            print("me" in globals())
            """,
        )
        assert ran.stdout.split() == ["ReadOnlySqlTransaction"] * 4 + ["False"], ran.stderr
        assert name_of(anna) == "Anna"


class TestWithWhoAndWhy:
    def test_writes_and_is_recorded_with_both(self, tmp_path: Path, olga: User, anna: User) -> None:
        ran = shell(
            tmp_path,
            f"""
            from django.db import connection
            users.update(user_id="{anna.pk}", language_code="operation", by=me)
            User.objects.filter(pk="{anna.pk}").update(language_code="ORM")
            connection.cursor().execute("UPDATE accounts_user SET language_code = 'SQL' WHERE id = '{anna.pk}'")
            connection.close()
            User.objects.filter(pk="{anna.pk}").update(language_code="reconnected")
            """,
            *("--as", "olga", "--reason", WHY),
        )
        assert ran.returncode == 0, ran.stderr
        told = AuditLog.objects.filter(entity_id=str(anna.pk), action="accounts.user.updated").order_by("id")
        ways = ("operation", "ORM", "SQL", "reconnected")
        assert [row.new_value for row in told] == [{"language_code": way} for way in ways]
        for row in told:
            assert row.user_id == olga.pk
            assert row.actor == {"kind": "shell", "id": str(olga.pk), "label": "olga"}
            assert (row.metadata["door"], row.metadata["reason"]) == ("shell", WHY)

    def test_edits_no_history(self, tmp_path: Path, olga: User) -> None:
        before = AuditLog.objects.count()
        assert before
        ran = shell(tmp_path, "AuditLog.objects.all().delete()", *("--as", "olga", "--reason", WHY))
        assert ran.returncode != 0
        # The trigger refuses, and before it, where the application has a role of its own, that one's lack of rights.
        by_role = "permission denied for table audit_auditlog"
        assert (by_role if application_role() else "audit auditlog is append only") in ran.stderr
        assert AuditLog.objects.count() == before

    def test_offers_the_operations_and_queries_of_every_app_by_their_names(self, tmp_path: Path, olga: User) -> None:
        ran = shell(
            tmp_path,
            """
            print([module.__name__ for module in (users, api_keys, alerts, wallets, charges, invoices, payments)])
            print(all(map(callable, (get_user, find_user, list_logs, get_balance, explain_balance, Money))))
            print(User.__name__, AuditLog.__name__, me)
            """,
            *("--as", "olga", "--reason", WHY),
        )
        modules, queries, rest = ran.stdout.splitlines()
        assert modules.count(".operations.") == 7, ran.stderr
        assert (queries, rest) == ("True", "User AuditLog shell:olga")

    def test_says_nothing_on_behalf_of_a_script(self, tmp_path: Path, olga: User) -> None:
        ran = manage(tmp_path, "shell", "--as", "olga", "--reason", WHY, "-v0", "-c", "print(1)")
        assert (ran.stdout, ran.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as", "olga"],
        ["--as", "olga", "--reason", "  "],
        ["--reason", WHY],
        ["--as", "nobody", "--reason", WHY],
        ["--as", "left", "--reason", WHY],
        ["--as", "customer", "--reason", WHY],
    ],
    ids=" ".join,
)
def test_refuses_who_does_not_say_both_or_does_not_work_here(olga: User, arguments: list[str]) -> None:
    StaffFactory.create(login="left", is_active=False)
    UserFactory.create(username="customer")
    with pytest.raises(CommandError):
        call_command("shell", *arguments, "-c", "raise AssertionError('the shell opened')")
