"""
Sealing history, batch by batch, and checking that it still fits its seals.

Numbers are drawn before their rows are committed, so that a row with a smaller number may appear after one with a
greater one. Hence two steps. First a number is *noted*: the last one drawn, with the transactions that are writing to
the table at that moment. Every row with a number up to it is either committed already or belongs to one of them,
because whoever inserts holds a lock on the table from before the number is drawn until the transaction ends. Once they
all have ended the number is *settled*: nothing can appear below it any more, and the rows up to it are sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import translation
from django.utils.translation import gettext_noop

from audit.models import NO_HASH, Seal, SealChain
from audit.operations import alerts
from audit.queries import seals as queries
from audit.queries.seals import Misfit
from audit.sealing import SealedTable, sealed_table
from core import clock
from core.actors import Actor
from core.database import operation

# How old a row is at least when it is sealed.
SETTLING: Final = timedelta(seconds=30)
# A transaction that is writing for longer is worth a look.
TOO_LONG: Final = timedelta(hours=1)
# Numbers per seal, and seals per transaction.
BATCH: Final = 5000
_BATCHES: Final = 20

_WRITING: Final = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = %s::text::regclass AND mode = 'RowExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid IS DISTINCT FROM pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """
    :param rows: how many rows were sealed
    :param has_more: whether settled rows are left for the next call
    """

    rows: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """
    :param seals: how many seals were checked
    :param rows: over how many rows
    :param misfit: what does not fit; it ends the round
    :param has_more: whether the round goes on with the next call
    """

    seals: int
    rows: int
    misfit: Misfit | None
    has_more: bool


@operation
def seal(*, chain: str, by: Actor) -> Sealed:
    """
    Seal what is settled, and note how far the table is written now. Two at once take turns; running it again only
    seals what has come since.
    """
    table = sealed_table(chain)
    state = _locked(chain)
    last = queries.find_last_seal(chain)
    if state.noted_number <= (last.until if last else 0):
        _note(table, state)
        return Sealed(0, has_more=False)
    if not _is_settled(table, state):
        return Sealed(0, has_more=False)
    columns, rows = _columns(table), 0
    for _number in range(_BATCHES):
        last = _seal_batch(table, columns, last, state.noted_number)
        rows += last.row_count
        if last.until == state.noted_number:
            _note(table, state)
            return Sealed(rows, has_more=False)
    return Sealed(rows, has_more=True)


@operation
def verify(*, chain: str, by: Actor, seals: int = 100) -> Checked:
    """
    Check the next seals of this round, and raise an alert for what does not fit. A round that was broken off goes on
    where it was.

    :param seals: how many at most
    """
    table = sealed_table(chain)
    state = _locked(chain)
    count = rows = 0
    misfit = None
    for sealed, misfit in islice(queries.walk(table, from_number=state.checked_number + 1), seals):  # noqa: B007  the last one counts after the loop
        count += 1
        rows += sealed.row_count
        state.checked_number = sealed.number
    has_more = misfit is None and count == seals
    if not has_more:
        misfit = misfit or queries.find_unnumbered(table)
        state.checked_number = 0
        state.verified_at = clock.now()
        state.misfit = _kept(misfit) if misfit else ""
    state.save(update_fields=["checked_number", "verified_at", "misfit"])
    if misfit:
        alerts.raise_alert(
            f"audit.seal_broken:{chain}",
            severity="critical",
            title=gettext_noop("History is not as it was sealed"),
            body=_kept(misfit),
            chain=chain,
            seal=misfit.seal,
            row=misfit.name or misfit.place,
        )
    return Checked(count, rows, misfit, has_more)


def _kept(misfit: Misfit) -> str:
    """What is kept of it: in the house's language, whoever has found it."""
    with translation.override(settings.LANGUAGE_CODE):
        return str(misfit)


@operation
def restart_round(*, chain: str, by: Actor) -> None:
    """Have the next round of verification begin with the first seal."""
    state = _locked(chain)
    state.checked_number = 0
    state.save(update_fields=["checked_number"])


def _locked(chain: str) -> SealChain:
    SealChain.objects.bulk_create([SealChain(chain=chain)], ignore_conflicts=True)
    return SealChain.objects.select_for_update().get(chain=chain)


def _note(table: SealedTable, state: SealChain) -> None:
    # In this order: who draws a number in between is writing by the time that the locks are read.
    state.noted_number = queries.last_number(table)
    state.waiting_for = _writing(table)
    state.noted_at = clock.now()
    state.save(update_fields=["noted_number", "waiting_for", "noted_at"])


def _is_settled(table: SealedTable, state: SealChain) -> bool:
    age = clock.now() - state.noted_at
    if not set(state.waiting_for).intersection(_writing(table)):
        return age >= SETTLING
    if age >= TOO_LONG:
        alerts.raise_alert(
            f"audit.seal_waits:{table.chain}",
            severity="warning",
            title=gettext_noop("A transaction has been writing for more than an hour, and history waits to be sealed."),
            transactions=", ".join(state.waiting_for),
        )
    return False


def _writing(table: SealedTable) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITING, [table.table])
        return [transaction for (transaction,) in cursor.fetchall()]


def _seal_batch(table: SealedTable, columns: list[str], last: Seal | None, settled: int) -> Seal:
    after = last.until if last else 0
    until = min(after + BATCH, settled)
    moment = clock.now()
    number = last.number + 1 if last else 1
    previous = last.hash if last else NO_HASH
    over = queries.seal_over(
        table, columns=columns, after=after, until=until, number=number, previous=previous, sealed_at=moment
    )
    if not over.row_count and until < settled:
        # Numbers that were given back come in great heaps only when somebody moved the sequence.
        until = _before_next_row(table, until, settled)
        over = queries.seal_over(
            table, columns=columns, after=after, until=until, number=number, previous=previous, sealed_at=moment
        )
    return Seal.objects.create(
        chain=table.chain,
        number=number,
        after=after,
        until=until,
        row_count=over.row_count,
        columns=columns,
        fingerprints=over.fingerprints,
        previous=previous,
        hash=over.hash,
        sealed_at=moment,
    )


def _before_next_row(table: SealedTable, after: int, settled: int) -> int:
    rows = table.model._default_manager.filter(**{f"{table.ordering}__gt": after, f"{table.ordering}__lte": settled})
    following = rows.order_by(table.ordering).values_list(table.ordering, flat=True).first()
    return settled if following is None else following - 1


def _columns(table: SealedTable) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::text::regclass AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attname",
            [table.table],
        )
        return [name for (name,) in cursor.fetchall()]
