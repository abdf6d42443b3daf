"""``manage.py run_jobs``: work off what is due, here and now."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.commands import InBothLanguages
from core.jobs import drain
from core.jobs.runner import Outcome


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Run the jobs that are due, in this process, and stop. Safe beside running workers.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--periods", action="store_true", help=_("first queue the periodic jobs whose periods have begun")
        )
        parser.add_argument("--limit", type=int, default=None, help=_("stop after so many jobs"))

    def handle(self, *args: object, periods: bool, limit: int | None, **options: object) -> None:
        # What jobs leave behind is in the language of the workers, not of this terminal.
        with translation.override(settings.LANGUAGE_CODE):
            ran = drain.run_due(periods=periods, limit=limit)
        for name, outcome in ran:
            self.stdout.write(f"{outcome:10} {name}")
        done = sum(outcome is Outcome.DONE for _name, outcome in ran)
        self.stdout.write(_("%(done)s of %(all)s jobs are done.") % {"done": done, "all": len(ran)})
