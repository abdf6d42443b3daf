"""Where Telegram sends the bots' updates: told to it, taken back, and asked for. The network, in no transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.actors import Actor
from messaging import errors
from messaging.bots import Bot, list_bots
from messaging.gateways import bot_api
from messaging.operations import webhooks
from messaging.queries import find_pause
from messaging.rules.updates import KINDS


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    :param bot: the bot's name
    :param url: where its updates go; empty for nowhere
    :param pending: how many wait
    :param last_error: why Telegram could not deliver lately; empty for no reason
    :param silent_until: when the bot speaks again; None where it may now
    """

    bot: str
    url: str
    pending: int
    last_error: str
    silent_until: datetime | None


def set_all(*, base: str, by: Actor) -> list[Webhook]:
    """
    Have the updates of every bot sent here.

    :param base: how Telegram reaches this installation: ``https://office.example``
    :raises errors.BotsAreOff: no bot has a token and a secret
    :raises errors.TelegramRefused: Telegram does not like the address, or the token
    :raises errors.TelegramUnavailable: it does not answer
    """
    for bot in _bots():
        url = f"{base.rstrip('/')}{bot.webhook_path}"
        _ask(bot, "setWebhook", url=url, secret_token=bot.webhook_secret, allowed_updates=list(KINDS))
        webhooks.note_set(bot=bot.name, url=url, by=by)
    return list_all()


def delete_all(*, by: Actor) -> list[Webhook]:
    """
    Have no updates sent here; they wait with Telegram for a day.

    :raises errors.BotsAreOff: no bot has a token and a secret
    :raises errors.TelegramRefused: Telegram does not like the token
    :raises errors.TelegramUnavailable: it does not answer
    """
    for bot in _bots():
        _ask(bot, "deleteWebhook")
        webhooks.note_deleted(bot=bot.name, by=by)
    return list_all()


def list_all() -> list[Webhook]:
    """
    What Telegram says about each bot's webhook.

    :raises errors.BotsAreOff: no bot has a token and a secret
    :raises errors.TelegramRefused: Telegram does not like the token
    :raises errors.TelegramUnavailable: it does not answer
    """
    return [_state(bot) for bot in _bots()]


def _bots() -> list[Bot]:
    found = [bot for bot in list_bots() if bot.webhook_secret]
    if not found:
        raise errors.BotsAreOff
    return found


def _state(bot: Bot) -> Webhook:
    told = _ask(bot, "getWebhookInfo")
    info: dict[str, Any] = told if isinstance(told, dict) else {}
    pause = find_pause(bot.name, token_digest=bot.token_digest)
    return Webhook(
        bot.name,
        url=str(info.get("url", "")),
        pending=int(info.get("pending_update_count", 0)),
        last_error=str(info.get("last_error_message", "")),
        silent_until=pause.until_at if pause else None,
    )


def _ask(bot: Bot, method: str, **parameters: Any) -> Any:
    try:
        # A superadmin waits, perhaps to mend why the bot is silent.
        return bot.call(method, is_urgent=True, **parameters)
    except bot_api.TooManyRequests as pause:
        raise errors.TelegramUnavailable(retry_after=pause.seconds) from pause
    except (bot_api.NotReached, bot_api.Unknown) as failure:
        raise errors.TelegramUnavailable(failure.says, retry_after=5) from failure
    except bot_api.BotApiError as refusal:
        raise errors.TelegramRefused(refusal.says) from refusal
