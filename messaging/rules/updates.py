"""What an update is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Those that somebody here may want to hear of; Telegram sends no others.
KINDS: Final = (
    "message",
    "edited_message",
    "callback_query",
    "pre_checkout_query",
    "my_chat_member",
    "chat_member",
    "subscription",
)
# Messages that are no words of people.
OF_MESSAGES: Final = ("successful_payment", "refunded_payment")
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Update:
    """
    :param bot: which of the house's bots was told: ``main``
    :param number: Telegram's ``update_id``
    :param kind: ``pre_checkout_query``, ``successful_payment`` …; empty for what nobody here knows
    :param payload: the whole update
    """

    bot: str
    number: int
    kind: str
    payload: Mapping[str, Any]

    @property
    def body(self) -> Mapping[str, Any]:
        """The update without its envelope: the message, the query."""
        inner = self.payload.get("message" if self.kind in OF_MESSAGES else self.kind)
        return inner if isinstance(inner, Mapping) else {}

    @property
    def sender(self) -> Mapping[str, Any]:
        """Whom Telegram names as the one who did it; empty where it names nobody."""
        sender = self.body.get("from")
        return sender if isinstance(sender, Mapping) else {}


def read(bot: str, payload: object) -> Update | None:
    """
    An update, whatever it is about; None for what is none.

    :param bot: which bot was told
    """
    if not isinstance(payload, Mapping):
        return None
    number = payload.get("update_id")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _LARGEST:
        return None
    return Update(bot, number, kind_of(payload), payload)


def kind_of(payload: Mapping[str, Any]) -> str:
    """What an update is about; empty for what is not known here."""
    message = payload.get("message")
    if isinstance(message, Mapping):
        return next((kind for kind in OF_MESSAGES if isinstance(message.get(kind), Mapping)), "message")
    return next((kind for kind in KINDS if isinstance(payload.get(kind), Mapping)), "")
