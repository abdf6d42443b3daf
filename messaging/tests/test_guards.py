"""What the database itself refuses about updates."""

from __future__ import annotations

from typing import Final

import pytest

from core.ids import uuid7
from core.tests.guards import Case, Change, Copy, Delete, GuardTests, Rows, execute, refused_by
from core.tests.made_once import made_once
from messaging.models import BotUpdate
from messaging.tests.factories import message

ANOTHER: Final = Copy("update", {"id": uuid7(), "update_id": 2})
CASES: Final = [
    Case(
        "bot_updates_is_stored_once",
        Copy("update", {"id": uuid7()}),
        Copy("update", {"id": uuid7(), "bot": "auth"}),
    ),
    Case("bot_updates_is_append_only", Change("update", {"kind": "another"}), ANOTHER),
    Case("bot_updates_is_append_only", Delete("update"), ANOTHER),
]


@made_once
def rows() -> Rows:
    return {"update": BotUpdate.objects.create(bot="main", update_id=1, kind="message", payload=message())}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestUpdates(GuardTests):
    pass


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
def test_bot_updates_is_never_truncated(truncation_guards: None) -> None:
    with refused_by("bot_updates_is_never_truncated"):
        execute("TRUNCATE bot_updates")
