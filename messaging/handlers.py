"""
Who wants to hear of which updates. Apps above register what they answer to from their ``bot.py``; messaging knows none
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from core.actors import Actor
from messaging.models import BotUpdate
from messaging.rules.updates import KINDS, OF_MESSAGES, Update


class Handle(Protocol):
    """Does what an update asks for, in one call; safe to run twice with the same update."""

    def __call__(self, update: Update, /, *, by: Actor) -> object: ...


H = TypeVar("H", bound=Handle)


@dataclass(frozen=True, slots=True)
class Handler:
    """
    :param now: whether it runs within Telegram's own request, which must end within two seconds; by a job otherwise
    """

    handle: Handle
    now: bool


_handlers: Final[dict[tuple[str, str], Handler]] = {}


def on_update(kind: str, *, now: bool = False, bot: str = BotUpdate.Bot.MAIN) -> Callable[[H], H]:
    """
    Have a function called with each update of a kind: ``@on_update("pre_checkout_query", now=True)``.

    :param now: whether it must run within Telegram's request
    :param bot: of which bot
    :raises RuntimeError: nobody sends such updates, or somebody hears of them already
    """

    def register(handle: H) -> H:
        if kind not in {*KINDS, *OF_MESSAGES}:
            raise RuntimeError(f"{kind!r} is no kind of update")
        if _handlers.setdefault((bot, kind), Handler(handle, now)).handle is not handle:
            raise RuntimeError(f"{kind} of the {bot} bot is handled twice")
        return handle

    return register


def find_handler(update: Update) -> Handler | None:
    """Who wants to hear of an update; None for nobody."""
    return _handlers.get((update.bot, update.kind))
