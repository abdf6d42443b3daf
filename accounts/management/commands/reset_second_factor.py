"""``manage.py reset_second_factor LOGIN``: for the last superadmin, whose phone and backup codes are lost."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import queries
from accounts.operations import second_factors
from core.actors import SYSTEM, under
from core.commands import InBothLanguages
from core.errors import DomainError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy(
        "Take away a colleague's second factor, and end their sessions. Superadmins do the same in Admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("login", help=_("whose second factor"))
        parser.add_argument("--reason", default="manage.py reset_second_factor", metavar="TEXT")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with under(door="command"):
                user = queries.get_staff(options["login"])
                second_factors.reset(user_id=user.pk, by=SYSTEM, reason=options["reason"])
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            _("%(login)s has no second factor any more, and is logged out everywhere.") % {"login": options["login"]}
        )
