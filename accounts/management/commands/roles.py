"""Says who may do what; writes the page that people read."""

from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import role_page
from core.commands import InBothLanguages

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "roles.md"


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Print docs/roles.md as accounts/roles.py has it, write it, or check that it is fresh.")
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--write", action="store_true", help=_("write the page"))
        way.add_argument("--check", action="store_true", help=_("fail unless the page is fresh"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            PAGE.write_text(role_page.page(), "utf-8")
            self.stdout.write(_("%(page)s is written.") % {"page": PAGE.relative_to(ROOT)})
        elif options["check"]:
            if not role_page.is_fresh(PAGE):
                raise CommandError(_("docs/roles.md is stale: run `python manage.py roles --write`"))
            self.stdout.write(_("docs/roles.md is fresh."))
        else:
            self.stdout.write(role_page.page())
