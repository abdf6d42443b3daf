"""The house's bots, by the environment. One without a token is off, and everything else works."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.utils.crypto import constant_time_compare

from core.actors import Actor
from messaging.gateways.bot_api import BotApi, Silenced, TokenRefused, TooManyRequests
from messaging.models import BotPause, BotUpdate
from messaging.operations import bot_pauses
from messaging.queries import find_pause

_SILENCED: Final[dict[str, type[Silenced]]] = {
    BotPause.Cause.FLOOD: TooManyRequests,
    BotPause.Cause.TOKEN: TokenRefused,
}


def actor_of(bot: str) -> Actor:
    """As whom a bot acts: on behalf of Telegram, whoever wrote to it."""
    return Actor(kind="system", id=f"bot:{bot}", label=f"{bot} bot")


@dataclass(frozen=True, slots=True)
class Bot:
    """
    :param name: ``main`` or ``auth``
    :param webhook_secret: what Telegram shows with each update
    """

    name: str
    token: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @property
    def token_digest(self) -> str:
        """By which one token is told from another."""
        return sha256(self.token.encode()).hexdigest()[:32]

    def call(self, method: str, *, is_urgent: bool = False, **parameters: Any) -> Any:
        """
        Ask Telegram for something, unless the bot is to be silent: where Telegram asks for a pause, all of the house
        keeps it, and where it refuses the token, everything stops and the operators are told.

        Outside of transactions.

        :param is_urgent: whether somebody waits for it and could not come again: it is asked for also in a pause
        :param parameters: as of :meth:`BotApi.call <messaging.gateways.bot_api.BotApi.call>`
        :raises BotApiError: one of its kinds
        """
        if not is_urgent and (pause := find_pause(self.name, token_digest=self.token_digest)):
            raise _SILENCED[pause.cause]("the bot is to be silent", seconds=pause.seconds)
        try:
            return BotApi(settings.TELEGRAM_API_BASE, self.token).call(method, **parameters)
        except Silenced as silenced:
            bot_pauses.begin(
                bot=self.name,
                token_digest=self.token_digest,
                cause=BotPause.Cause.TOKEN if isinstance(silenced, TokenRefused) else BotPause.Cause.FLOOD,
                seconds=silenced.seconds,
                says=silenced.says,
                by=actor_of(self.name),
            )
            raise

    @property
    def webhook_path(self) -> str:
        """Where its updates are taken in. The token is in no address of ours."""
        return f"/webhooks/{self.name}-bot"

    def is_told_by_telegram(self, shown: str) -> bool:
        """
        Whether a request shows the secret; never where none is set.

        :param shown: what it shows
        """
        return bool(self.token and self.webhook_secret) and constant_time_compare(shown, self.webhook_secret)


def get_bot(name: str) -> Bot:
    """
    :raises KeyError: the house has no such bot
    """
    return {
        BotUpdate.Bot.MAIN.value: Bot("main", settings.BOT_TOKEN, settings.BOT_WEBHOOK_SECRET),
        BotUpdate.Bot.AUTH.value: Bot("auth", settings.AUTH_BOT_TOKEN, settings.AUTH_BOT_WEBHOOK_SECRET),
    }[name]


def list_bots() -> list[Bot]:
    """Those that are on."""
    return [bot for name in BotUpdate.Bot.values if (bot := get_bot(name)).token]
