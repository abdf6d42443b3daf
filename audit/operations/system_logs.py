"""The system log's partitions."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from core.actors import Actor
from core.database import operation


@dataclass(frozen=True, slots=True)
class Kept:
    """Names of the partitions that were made and dropped."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]


@operation
def keep(*, by: Actor) -> Kept:
    """Make this month's partition and those of the next two, and drop what is older than 90 days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT made, dropped FROM audit_keep_systemlog()")
        rows = cursor.fetchall()
    return Kept(tuple(made for made, _dropped in rows if made), tuple(dropped for _made, dropped in rows if dropped))
