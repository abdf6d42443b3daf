"""The figures in the sidebar: how much waits for somebody. And above it, that the clock is not the world's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

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


def moved_clock() -> str:
    """What a test clock shows; empty where it was not moved, and in production, which has none."""
    if settings.ENV == "production":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_now(), core_clock_offset()")
        moment, offset = cursor.fetchone()
    if abs(offset) < timedelta(seconds=1):
        return ""
    return _("Test clock: %(moment)s") % {"moment": date_format(timezone.localtime(moment), "DATETIME_FORMAT")}
