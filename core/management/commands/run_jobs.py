"""``manage.py run_jobs``: work off what is due, here and now."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from core.jobs import drain
from core.jobs.runner import Outcome


class Command(BaseCommand):
    help = "Run the jobs that are due, in this process, and stop. Safe beside running workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--periods", action="store_true", help="first queue the periodic jobs whose periods have begun"
        )
        parser.add_argument("--limit", type=int, default=None, help="stop after so many jobs")

    def handle(self, *args: object, periods: bool, limit: int | None, **options: object) -> None:
        ran = drain.run_due(periods=periods, limit=limit)
        for name, outcome in ran:
            self.stdout.write(f"{outcome:10} {name}")
        done = sum(outcome is Outcome.DONE for _name, outcome in ran)
        self.stdout.write(_("%(done)s of %(all)s jobs are done.") % {"done": done, "all": len(ran)})
