"""``python -m scripts.fakes``: every made-up service behind one port, until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys

from scripts.fakes import variables
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import Service, running
from scripts.fakes.stripe import Stripe
from scripts.fakes.yookassa import YooKassa


def every_service(house: str = "") -> list[Service]:
    """
    One of each kind.

    :param house: whom they tell of what happens: ``http://127.0.0.1:8000``; empty for nobody
    """
    telegram = BotApi()
    if not house:
        return [telegram, YooKassa(), Stripe()]
    url = f"{house}/webhooks/main-bot"
    telegram.connect(variables.BOT_TOKEN, url=url, secret=variables.BOT_WEBHOOK_SECRET)
    return [
        telegram,
        YooKassa(webhook=f"{house}/webhooks/yookassa"),
        Stripe(webhook=f"{house}/webhooks/stripe", webhook_secrets=[variables.STRIPE_WEBHOOK_SECRET]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.fakes", description=__doc__)
    parser.add_argument("--port", type=int, default=8010, help="8010 by default, 0 for any that is free")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--house", default="", help="whom to tell of what happens: http://127.0.0.1:8000")
    arguments = parser.parse_args()
    # Waited for, and not handled: a handler runs between two steps of this thread, and for a signal that comes just
    # before it falls asleep there is no next step.
    signals = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with running(*every_service(arguments.house), port=arguments.port, host=arguments.host) as house:
        names = ", ".join(f"{house.address}/{name}" for name in house.services)
        print(f"Made-up services: {names or 'none'}", flush=True)
        signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
