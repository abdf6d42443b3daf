"""``manage.py create_api_key --name NAME --scope SCOPE …``: issues a key and prints it, once."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import queries
from accounts.operations import api_keys
from accounts.scopes import SCOPES
from core.actors import SYSTEM, under
from core.commands import InBothLanguages
from core.errors import DomainError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Issue an API key and print it. It cannot be shown again.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help=_("what the key is for, as people will read it"))
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            metavar="SCOPE",
            help=_("may be repeated: %(scopes)s") % {"scopes": ", ".join(SCOPES)},
        )
        parser.add_argument("--owner", metavar="LOGIN", help=_("whose key it is; it works while they may come in"))
        parser.add_argument(
            "--expires-in-days", type=_days, metavar="N", help=_("how long it works; default: for ever")
        )
        parser.add_argument(
            "--allow-from", action="append", default=[], metavar="CIDR", help=_("may be repeated; default: anywhere")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with under(door="command"):
                _row, key = api_keys.create(
                    name=options["name"],
                    scopes=options["scope"],
                    owner_id=queries.get_staff(options["owner"]).pk if options["owner"] else None,
                    expires_in=options["expires_in_days"],
                    allowed_networks=options["allow_from"],
                    by=SYSTEM,
                )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(key)


def _days(text: str) -> timedelta:
    try:
        return timedelta(days=int(text))
    except (ValueError, OverflowError):
        raise ArgumentTypeError(_("%(text)s is no number of days.") % {"text": text}) from None
