"""``manage.py verify_audit``: is history as it was sealed?"""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.operations import seals
from audit.queries import seals as queries
from audit.queries.seals import Misfit
from audit.sealing import SealedTable, sealed_tables
from core.actors import SYSTEM, under
from core.commands import InBothLanguages


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy(
        "Walk the chains of seals over the audit log and the ledger, and name the first row that does not fit."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", type=_moment, help=_("only seals made since: 2026-01-31, or a moment in RFC 3339")
        )
        parser.add_argument("--heads", type=Path, help=_("also compare with heads that were kept in this file"))
        parser.add_argument("--resume", action="store_true", help=_("go on where the last round was broken off"))

    def handle(
        self,
        *args: Any,
        since: datetime | None = None,
        resume: bool = False,
        heads: Path | None = None,
        **options: Any,
    ) -> None:
        with under(door="command"):
            walked = [(table, *self._walk(table, since, resume)) for table in sealed_tables()]
        for table, count, rows, misfit in walked:
            said = _("%(chain)s: %(seals)d seals over %(rows)d rows checked.")
            self.stdout.write(said % {"chain": table.chain, "seals": count, "rows": rows})
            if misfit:
                self.stderr.write(self.style.ERROR(str(misfit)))
        lost = queries.list_lost_heads(heads.read_text("utf-8")) if heads else []
        for line in lost:
            self.stderr.write(self.style.ERROR(_("This head is not in the chain: %s") % line))
        if lost or any(misfit for _table, _count, _rows, misfit in walked):
            raise CommandError(_("History is not as it was sealed."), returncode=1)

    def _walk(self, table: SealedTable, since: datetime | None, resume: bool) -> tuple[int, int, Misfit | None]:
        count = rows = 0
        misfit: Misfit | None = None
        if since:
            # A look at a part of it is no round: it leaves no mark.
            first = queries.find_number_since(table.chain, since)
            for seal, misfit in queries.walk(table, from_number=first):  # noqa: B007  the last one counts
                count, rows = count + 1, rows + seal.row_count
            return count, rows, misfit or queries.find_unnumbered(table)
        if not resume:
            seals.restart_round(chain=table.chain, by=SYSTEM)
        while True:
            checked = seals.verify(chain=table.chain, by=SYSTEM)
            count, rows = count + checked.seals, rows + checked.rows
            if not checked.has_more:
                return count, rows, checked.misfit


def _moment(text: str) -> datetime:
    try:
        if day := parse_date(text):
            return datetime.combine(day, time.min, tzinfo=UTC)
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ArgumentTypeError(_("%(text)s is no date and no moment in RFC 3339.") % {"text": text})
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
