"""
Questions to the seals: does history still fit them, and if not, which row is the first that does not?

Each seal is one statement in the database; what comes back is a hash and 16 bytes a row, so that a table of any length
is walked in little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from struct import iter_unpack
from typing import Final, Literal

from django.db import connection
from django.utils.translation import gettext as _

from audit.models import NO_HASH, Seal, SealChain
from audit.sealing import SealedTable, sealed_tables

# More unsealed rows than this are not counted.
COUNTED: Final = 1000
_READ_AHEAD: Final = 100

Kind = Literal["edited", "deleted", "inserted", "seal_changed", "seal_missing", "unnumbered"]

_OVER: Final = """
    SELECT row_count, fingerprints, hash FROM audit_seal_over(
        %s::text::regclass, %s::text, %s::text, %s::text[], %s::bigint, %s::bigint,
        %s::text, %s::bigint, %s::text, %s::timestamptz)
"""


@dataclass(frozen=True, slots=True)
class Misfit:
    """
    The first thing in a chain that is not as it was sealed.

    :param seal: the number of the seal in whose rows it is
    :param place: the row's number in its table, where a row does not fit
    :param name: the row's id, where there still is one
    """

    chain: str
    kind: Kind
    seal: int
    place: int | None = None
    name: str = ""

    def __str__(self) -> str:
        said = {
            "edited": _("row %(row)s was edited after it was sealed (seal %(seal)s)"),
            "deleted": _("row %(row)s was deleted after it was sealed (seal %(seal)s)"),
            "inserted": _("row %(row)s was inserted among sealed rows (seal %(seal)s)"),
            "seal_changed": _("seal %(seal)s itself is not as it was made"),
            "seal_missing": _("seal %(seal)s is missing"),
            "unnumbered": _("row %(row)s has a number that was never given out"),
        }[self.kind]
        row = f"{self.place} ({self.name})" if self.name and self.name != str(self.place) else str(self.place)
        return f"{self.chain}: {said % {'row': row, 'seal': self.seal}}"


@dataclass(frozen=True, slots=True)
class Over:
    """What a seal over some rows is, by the rows as they are now."""

    row_count: int
    fingerprints: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class ChainState:
    """
    What is known of a chain.

    :param unsealed: rows that no seal covers yet, at most one more than :data:`COUNTED`
    """

    table: SealedTable
    last: Seal | None
    unsealed: int
    state: SealChain


def seal_over(  # the seal's own facts, each of which its hash covers
    table: SealedTable, *, columns: list[str], after: int, until: int, number: int, previous: str, sealed_at: datetime
) -> Over:
    """
    What a seal over the rows between two numbers is.

    :param after: the rows' numbers are greater
    :param until: and not greater than this
    """
    rows = (table.table, table.ordering, table.key, columns, after, until)
    with connection.cursor() as cursor:
        cursor.execute(_OVER, (*rows, table.chain, number, previous, sealed_at))
        row_count, fingerprints, hashed = cursor.fetchone()
    return Over(row_count, bytes(fingerprints), hashed)


def check(table: SealedTable, seal: Seal, *, before: Seal | None) -> Misfit | None:
    """
    Whether a seal continues the one before it and its rows are as they were sealed; otherwise what does not fit.

    :param before: the seal with the number before, None for the first one
    """
    if seal.number != (before.number if before else 0) + 1:
        return Misfit(table.chain, "seal_missing", (before.number if before else 0) + 1)
    if (seal.previous, seal.after) != ((before.hash, before.until) if before else (NO_HASH, 0)):
        return Misfit(table.chain, "seal_changed", seal.number)
    now = seal_over(
        table,
        columns=seal.columns,
        after=seal.after,
        until=seal.until,
        number=seal.number,
        previous=seal.previous,
        sealed_at=seal.sealed_at,
    )
    if now == Over(seal.row_count, bytes(seal.fingerprints), seal.hash):
        return None
    return _first_difference(table, seal, now) or Misfit(table.chain, "seal_changed", seal.number)


def walk(table: SealedTable, *, from_number: int = 1) -> Iterator[tuple[Seal, Misfit | None]]:
    """
    Check a chain seal by seal, and stop after the first that does not fit.

    :param from_number: the first seal that is checked
    """
    before = Seal.objects.filter(chain=table.chain, number=from_number - 1).first()
    if from_number > 1 and before is None:
        from_number = 1
    while True:
        coming = Seal.objects.filter(chain=table.chain, number__gte=from_number).order_by("number")[:_READ_AHEAD]
        seal = None
        for seal in coming:
            misfit = check(table, seal, before=before)
            yield seal, misfit
            if misfit:
                return
            before = seal
        if seal is None:
            return
        from_number = seal.number + 1


def find_unnumbered(table: SealedTable) -> Misfit | None:
    """A row with a number that its sequence never gave out: somebody wrote it by hand, where no seal would look."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {table.ordering}, {table.key}::text FROM {table.table} "  # noqa: S608 (names of the registry)
            f"WHERE {table.ordering} <= 0 OR {table.ordering} > %s::bigint ORDER BY 1 LIMIT 1",
            [last_number(table)],
        )
        row = cursor.fetchone()
    return Misfit(table.chain, "unnumbered", 0, row[0], row[1]) if row else None


def last_number(table: SealedTable) -> int:
    """The last number that was given out to a row of the table, committed or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s::text, %s::text)::regclass), 0)",
            [table.table, table.ordering],
        )
        found: int = cursor.fetchone()[0]
    return found


def find_number_since(chain: str, moment: datetime) -> int:
    """The number of the first seal that was made at a moment or later; the one after the last if there is none."""
    seals = Seal.objects.filter(chain=chain)
    first = seals.filter(sealed_at__gte=moment).order_by("number").values_list("number", flat=True).first()
    if first is not None:
        return first
    last = seals.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def find_last_seal(chain: str) -> Seal | None:
    """The head of a chain."""
    return Seal.objects.filter(chain=chain).order_by("-number").first()


def head_as_text(seal: Seal) -> str:
    """A seal as one line that is kept elsewhere: moment, chain, number, last row's number, hash."""
    return f"{seal.sealed_at:%Y-%m-%dT%H:%M:%S%z} {seal.chain} {seal.number} {seal.until} {seal.hash}"


def list_lost_heads(text: str) -> list[str]:
    """The lines of heads, as they were kept elsewhere, whose seals are not in the database any more as they were."""
    lost = []
    for line in text.splitlines():
        match line.split():
            case [_moment, chain, number, until, hashed] if number.isdigit() and until.isdigit():
                kept = Seal.objects.filter(chain=chain, number=int(number), until=int(until), hash=hashed)
                if not kept.exists():
                    lost.append(line)
    return lost


def list_chain_states() -> list[ChainState]:
    """What is known of every chain."""
    known, heads = SealChain.objects.in_bulk(), _heads()
    return [
        ChainState(table, last, _unsealed(table, last.until if last else 0), known.get(table.chain, SealChain()))
        for table in sealed_tables()
        for last in [heads.get(table.chain)]
    ]


def _heads() -> dict[str, Seal]:
    """The last seal of each chain that has one, by one query however many chains there are."""
    first, *others = (Seal.objects.filter(chain=table.chain).order_by("-number")[:1] for table in sealed_tables())
    return {seal.chain: seal for seal in first.union(*others, all=True)}


def _unsealed(table: SealedTable, until: int) -> int:
    return len(table.model._default_manager.filter(**{f"{table.ordering}__gt": until}).values_list("pk")[: COUNTED + 1])


def _first_difference(table: SealedTable, seal: Seal, now: Over) -> Misfit | None:
    """The row with the smallest number whose fingerprint is not the one that was sealed."""
    kept, found = _by_place(bytes(seal.fingerprints)), _by_place(now.fingerprints)
    for place in sorted(kept.keys() | found.keys()):
        was, is_now = kept.get(place, []), found.get(place, [])
        if was == is_now:
            continue
        kind: Kind = "deleted" if len(is_now) < len(was) else "inserted" if len(is_now) > len(was) else "edited"
        other = next((each for each in is_now if each not in was), None)
        return Misfit(table.chain, kind, seal.number, place, _name_of(table, seal, place, other))
    return None


def _by_place(fingerprints: bytes) -> dict[int, list[bytes]]:
    pairs = iter_unpack(">q8s", fingerprints)
    return {place: [digest for _place, digest in group] for place, group in groupby(pairs, key=lambda pair: pair[0])}


def _name_of(table: SealedTable, seal: Seal, place: int, digest: bytes | None) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, digest FROM audit_digests(%s::text::regclass, %s::text, %s::text, %s::text[], "
            "%s::bigint, %s::bigint)",
            (table.table, table.ordering, table.key, seal.columns, place - 1, place),
        )
        rows = cursor.fetchall()
    return next((name for name, whole in rows if digest is None or bytes(whole)[:8] == digest), "")
