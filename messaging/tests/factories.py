"""Updates of bots, as Telegram would send them."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

_numbers: Final = count(1_000)
TOKEN: Final = "700000001:a-token-of-tests-only"
SECRET: Final = "a-secret-of-tests-only"
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"


def update(**content: Any) -> dict[str, Any]:
    """An update with a number of its own."""
    return {"update_id": next(_numbers), **content}


def message(*, sender: int = 5, **content: Any) -> dict[str, Any]:
    """An update about a message of a private chat."""
    person = {"id": sender, "is_bot": False, "first_name": "Anna", "language_code": "ru"}
    chat = {"id": sender, "type": "private", "first_name": "Anna"}
    return update(message={"message_id": 1, "date": 1_790_000_000, "chat": chat, "from": person, **content})
