"""``manage.py reconcile``: do the books agree?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.operations import reconciliation
from core.actors import SYSTEM
from core.commands import InBothLanguages


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Check the invariants of the books (I1 to I13) and name what diverges.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help=_("exit with 1 when anything diverges"))
        parser.add_argument(
            "--incremental", action="store_true", help=_("only what has changed since the last clean run")
        )

    def handle(self, *args: Any, strict: bool = False, incremental: bool = False, **options: Any) -> None:
        report = reconciliation.run(by=SYSTEM, full=not incremental)
        for divergence in report.divergences:
            self.stderr.write(self.style.ERROR(str(divergence)))
        self.stdout.write(
            _("%(wallets)d wallets, %(rows)d ledger rows checked, %(found)d divergences.")
            % {"wallets": report.wallets, "rows": report.rows, "found": len(report.divergences)}
        )
        if strict and not report.is_clean:
            raise CommandError(_("The books do not agree."), returncode=1)
