"""``manage.py poll_bots``: fetches the bots' updates where Telegram cannot send them, until Ctrl-C."""

import signal
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.actors import under
from core.commands import InBothLanguages
from messaging import polling
from messaging.bots import Bot, list_bots
from messaging.gateways.bot_api import BotApiError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Fetch the bots' updates instead of waiting for webhooks, until Ctrl-C.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help=_("fetch what is there, and end"))

    def handle(self, *args: Any, **options: Any) -> None:
        bots = list_bots()
        if not bots:
            raise CommandError(_("No bot has a token: set BOT_TOKEN or AUTH_BOT_TOKEN."))
        stop = Event()
        if not options["once"]:
            _on_signals(stop)
            self.stdout.write(_("Fetching updates of %(bots)s.") % {"bots": ", ".join(bot.name for bot in bots)})
        with ThreadPoolExecutor(len(bots)) as threads:
            ended = [threads.submit(_poll, bot, stop, once=options["once"]) for bot in bots]
        for each in ended:
            if failure := each.exception():
                raise CommandError(str(failure)) from failure


def _poll(bot: Bot, stop: Event, *, once: bool) -> None:
    # Each thread ends by itself once there is nothing more to fetch.
    mine = Event() if once else stop

    def heard(count: int) -> None:
        if once and count == 0:
            mine.set()

    try:
        with under(door="command"):
            polling.poll(bot, mine, wait_seconds=0 if once else 25, heard=heard)
    except BotApiError:
        stop.set()
        raise
    finally:
        # Of this thread.
        connection.close()


def _on_signals(stop: Event) -> None:
    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
