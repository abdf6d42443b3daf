"""The figures in the sidebar: how much waits for somebody."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet

MOST: Final = 99


def capped(rows: QuerySet[Any]) -> str:
    """
    How many rows there are, counted no further than :data:`MOST`: ``3``, ``99+``; empty when there are none.

    :param rows: in an order that an index answers
    """
    count = len(rows.values_list("pk", flat=True)[: MOST + 1])
    if count > MOST:
        return f"{MOST}+"
    return str(count) if count else ""
