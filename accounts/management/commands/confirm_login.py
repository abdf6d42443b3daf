"""
``manage.py confirm_login TOKEN --telegram-id N``: does what the bot does. It shows which browser wants to log in, and
from where, and lets it in when its owner says "yes, it is me".
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import queries
from accounts.operations import login_tokens
from core.actors import SYSTEM, under
from core.commands import InBothLanguages
from core.errors import DomainError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Confirm a login that a browser has begun, in the name of a customer, as their bot would.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("token", help=_("what POST /api/v1/auth/login-token has answered"))
        parser.add_argument("--telegram-id", required=True, type=int, metavar="N", help=_("who logs in"))
        parser.add_argument("--yes", action="store_true", help=_("do not ask: for scripts"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            waiting = queries.get_login_token(options["token"])
            self.stdout.write(
                _("A browser wants to log in at %(address)s: %(browser)s")
                % {
                    "address": waiting.ip or _("an unknown address"),
                    "browser": waiting.user_agent or _("no name"),
                }
            )
            if not (options["yes"] or _is_agreed()):
                raise CommandError(_("Nobody was let in."))
            with under(door="command"):
                row = login_tokens.confirm(token=options["token"], telegram_id=options["telegram_id"], by=SYSTEM)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(_("%(who)s is let in.") % {"who": row.user})


def _is_agreed() -> bool:
    """Ask; whoever says anything but yes, or nothing because nobody sits there, does not agree."""
    try:
        said = input(_("Is it you? Type “yes” to let it in: "))
    except EOFError:
        return False
    return said.strip().lower() in {"yes", _("yes")}
