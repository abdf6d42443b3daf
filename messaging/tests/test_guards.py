"""What the database itself refuses about updates."""

from __future__ import annotations

from typing import Final

import pytest

from core import clock
from core.ids import uuid7
from core.tests.guards import Case, Change, Copy, Delete, GuardTests, Rows, execute, refused_by
from core.tests.made_once import made_once
from messaging.models import BotPause, BotUpdate
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
    Case("bot_pauses_cause_is_known", Change("pause", {"cause": "whim"}), Change("pause", {"cause": "token"})),
]


@made_once
def rows() -> Rows:
    return {
        "update": BotUpdate.objects.create(bot="main", update_id=1, kind="message", payload=message()),
        "pause": BotPause.objects.create(bot="main", cause="flood", token_digest="0" * 32, until_at=clock.now()),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestUpdates(GuardTests):
    pass


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
def test_bot_updates_is_never_truncated(truncation_guards: None) -> None:
    with refused_by("bot_updates_is_never_truncated"):
        execute("TRUNCATE bot_updates")
