"""``manage.py create_staff LOGIN --role ROLE``: lets somebody into the Admin, with a password that is shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.operations import staff
from accounts.roles import ROLES
from core.actors import SYSTEM, under
from core.commands import InBothLanguages
from core.errors import DomainError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Let somebody into the Admin and print their first password. It cannot be shown again.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("login", help=_("what they will log in with"))
        parser.add_argument("--role", required=True, choices=list(ROLES))
        parser.add_argument("--first-name", default="", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with under(door="command"):
                _user, password = staff.hire(
                    login=options["login"],
                    role=options["role"],
                    first_name=options["first_name"],
                    by=SYSTEM,
                    reason="manage.py create_staff",
                )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(str(password))
