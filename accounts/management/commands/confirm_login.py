"""``manage.py confirm_login TOKEN --telegram-id N``: does what the bot does when its owner says "yes, it is me"."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.operations import login_tokens
from core.actors import SYSTEM, under
from core.errors import DomainError


class Command(BaseCommand):
    help = "Confirm a login that a browser has begun, in the name of a customer, as their bot would."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("token", help="what POST /api/v1/auth/login-token has answered")
        parser.add_argument("--telegram-id", required=True, type=int, metavar="N", help="who logs in")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with under(door="command"):
                row = login_tokens.confirm(token=options["token"], telegram_id=options["telegram_id"], by=SYSTEM)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{row.user} is let in at {row.ip or 'an unknown address'}: {row.user_agent or 'no name'}")
