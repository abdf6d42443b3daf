"""``manage.py create_api_key``: the key is printed once, and alone."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey
from accounts.rules import keys
from accounts.tests.factories import StaffFactory
from audit.models import AuditLog
from core import clock

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> str:
    said = StringIO()
    call_command("create_api_key", *arguments, stdout=said)
    return said.getvalue()


def test_prints_the_key_and_nothing_else() -> None:
    said = create("--name", "Bot", "--scope", "users:read", "--scope", "billing:read")

    key = keys.parse(said.strip())
    assert key is not None
    assert said == f"{key}\n"
    row = ApiKey.objects.get()
    assert key.fits(bytes(row.secret_hash))
    assert (row.name, row.scopes, row.owner, row.expires_at) == ("Bot", ["billing:read", "users:read"], None, None)


def test_records_through_which_door_it_was_issued_and_not_the_key() -> None:
    said = create("--name", "Bot", "--scope", "users:read")

    deed = AuditLog.objects.get(action="accounts.api_key.issued")
    assert deed.actor["kind"] == "system"
    assert deed.metadata["door"] == "command"
    secret = said.strip().rpartition("_")[2]
    assert not [row for row in AuditLog.objects.values_list("old_value", "new_value", "metadata") if secret in str(row)]


def test_takes_an_owner_an_end_and_networks() -> None:
    owner = StaffFactory.create(login="olga")

    create(
        *("--name", "Bot", "--scope", "staff", "--owner", "olga", "--expires-in-days", "30"),
        *("--allow-from", "192.0.2.0/24", "--allow-from", "2001:db8::/32"),
    )

    row = ApiKey.objects.get()
    assert row.owner_id == owner.pk
    assert row.expires_at == clock.now() + timedelta(days=30)
    assert row.allowed_networks == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scope", "users:read"], "--name"),
        (["--name", "Bot"], "--scope"),
        (["--name", "Bot", "--scope", "everything"], "accounts.scope_unknown"),
        (["--name", " ", "--scope", "staff"], "common.validation_error"),
        (["--name", "Bot", "--scope", "staff", "--owner", "nobody"], "accounts.user_not_found"),
        (["--name", "Bot", "--scope", "staff", "--expires-in-days", "0"], "expires_in"),
        (["--name", "Bot", "--scope", "staff", "--expires-in-days", "soon"], "--expires-in-days"),
        (["--name", "Bot", "--scope", "staff", "--expires-in-days", "9" * 30], "--expires-in-days"),
        (["--name", "Bot", "--scope", "staff", "--allow-from", "home"], "allowed_networks"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_says_what_is_wrong_and_issues_nothing(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        create(*arguments)
    assert not ApiKey.objects.exists()
