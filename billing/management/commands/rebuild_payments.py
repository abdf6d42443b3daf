"""``manage.py rebuild_payments``: is every payment what was told of it?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.operations import rebuilding
from billing.queries import payment_folds
from core.actors import SYSTEM
from core.commands import InBothLanguages


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Fold every payment anew from its events, and do what they ask for and was not done.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help=_("change nothing, and exit with 1 when anything differs")
        )

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        report = payment_folds.compare() if check else rebuilding.rebuild(by=SYSTEM)
        for difference in report.differences:
            self.stderr.write(self.style.ERROR(str(difference)))
        self.stdout.write(
            _("%(payments)d payments checked, %(found)d differ from their events.")
            % {"payments": report.payments, "found": len(report.differences)}
        )
        if check and report.differences:
            raise CommandError(_("Payments differ from their events."), returncode=1)
