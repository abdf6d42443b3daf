"""The house's bots, by the environment. One without a token is off, and everything else works."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.utils.crypto import constant_time_compare

from messaging.gateways.bot_api import BotApi
from messaging.models import BotUpdate


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
    def api(self) -> BotApi:
        return BotApi(settings.TELEGRAM_API_BASE, self.token)

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
