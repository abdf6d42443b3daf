"""``manage.py advance_clock DAYS``: let time pass, outside production, and run what falls due on the way."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.actors import SYSTEM, under
from core.commands import InBothLanguages
from core.errors import DomainError
from core.operations import clocks


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy(
        "Move the clock of an installation for trying out by days, and run what falls due on the way, in order."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        how_far = parser.add_mutually_exclusive_group(required=True)
        how_far.add_argument("days", nargs="?", type=int, help=_("how many days"))
        how_far.add_argument("--seconds", type=int, help=_("so many seconds instead"))

    def handle(self, *args: object, days: int | None, seconds: int | None, **options: object) -> None:
        how_far = seconds if days is None else days * 86_400
        try:
            # What jobs leave behind is in the language of the workers, not of this terminal.
            with translation.override(settings.LANGUAGE_CODE), under(door="command"):
                done = clocks.advance(seconds=how_far or 0, by=SYSTEM)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        for each in done.ran:
            self.stdout.write(f"{timezone.localtime(each.at):%Y-%m-%d %H:%M:%S}  {each.outcome:10} {each.job}")
        said = ngettext(
            "It is %(now)s now. %(number)d job ran.", "It is %(now)s now. %(number)d jobs ran.", done.ran_in_all
        )
        now = date_format(timezone.localtime(done.now), "DATETIME_FORMAT")
        self.stdout.write(said % {"now": now, "number": done.ran_in_all})
