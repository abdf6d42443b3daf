"""Tariffs as they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from audit.queries import list_history
from billing import errors
from billing.models import Tariff

# Columns that follow from the others.
_BOOKKEEPING: Final = frozenset({"version", "updated_at"})
# More changes than anybody makes while a form is open.
_STEPS: Final = 100


def list_tariffs(*, with_archived: bool = False) -> QuerySet[Tariff]:
    """
    Tariffs on sale.

    :param with_archived: also those taken off sale, for staff
    """
    return Tariff.objects.all() if with_archived else Tariff.objects.filter(is_active=True)


def get_tariff(slug: str, *, with_archived: bool = False) -> Tariff:
    """
    One of :func:`list_tariffs`.

    :raises errors.TariffNotFound: there is no such tariff
    """
    found = list_tariffs(with_archived=with_archived).filter(slug=slug).first()
    if found is None:
        raise errors.TariffNotFound(slug)
    return found


@dataclass(frozen=True, slots=True)
class TariffChange:
    """
    What became of one column of a tariff.

    :param old: as the audit log keeps it: numbers, texts, None
    :param who: how people call the one who changed it last
    """

    name: str
    old: object
    new: object
    who: str
    at: datetime


def list_changes_since(tariff_id: UUID, *, version: int) -> list[TariffChange]:
    """
    What was changed of a tariff after a version of it, each column once, from then to now.

    :param version: the one that somebody has seen
    """
    rows = list_history((Tariff._meta.label_lower, str(tariff_id))).filter(new_value__version__gt=version)
    found: dict[str, TariffChange] = {}
    for row in reversed(list(rows[:_STEPS])):
        for name, new in (row.new_value or {}).items():
            if name in _BOOKKEEPING:
                continue
            earlier = found.get(name)
            old = earlier.old if earlier else (row.old_value or {}).get(name)
            found[name] = TariffChange(name, old, new, str(row.actor.get("label", "")), row.created_at)
    return [change for change in found.values() if change.old != change.new]
