"""Fetches the bots' updates instead of waiting for them: for machines without a public address."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Final

import structlog

from messaging import intake
from messaging.bots import Bot
from messaging.gateways.bot_api import BotApiError, Silenced, TokenRefused
from messaging.rules.updates import KINDS

_PAUSE: Final = 3.0
_AT_ONCE: Final = 50

log: Final = structlog.get_logger("dvorik.bots")


def poll(bot: Bot, stop: Event, *, wait_seconds: int = 25, heard: Callable[[int], object] | None = None) -> None:
    """
    Take a bot's updates in, one after another, until asked to stop. An update is confirmed once it is kept.

    :param wait_seconds: how long Telegram holds a request while there is nothing to tell
    :param heard: called with the number of updates that each request brought
    :raises TokenRefused: the token is none of Telegram's
    """
    next_number: int | None = None
    while not stop.is_set():
        try:
            if next_number is None:
                # Telegram refuses to tell by both ways.
                bot.call("deleteWebhook")
            found = bot.call(
                "getUpdates",
                answer_seconds=wait_seconds + 10,
                offset=next_number or 0,
                limit=_AT_ONCE,
                timeout=wait_seconds,
                allowed_updates=list(KINDS),
            )
        except TokenRefused:
            raise
        except BotApiError as failure:
            log.warning("bot_not_polled", bot=bot.name, why=failure.says)
            stop.wait(failure.seconds if isinstance(failure, Silenced) else _PAUSE)
            continue
        updates = found if isinstance(found, list) else []
        for payload in updates:
            intake.take(bot=bot.name, payload=payload)
        next_number = max([next_number or 0, *(update["update_id"] + 1 for update in updates)])
        if heard:
            heard(len(updates))
