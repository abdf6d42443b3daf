"""How many files one person may make of lists."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop

from core.limits import register
from core.runtime_settings import EXPORTS_PER_DAY, EXPORTS_PER_HOUR

EXPORTS_IN_AN_HOUR: Final = register(
    "core.export.hour", EXPORTS_PER_HOUR, 3600, what="exports asked for in Admin", whom="member of staff"
)
EXPORTS_IN_A_DAY: Final = register(
    "core.export.day",
    EXPORTS_PER_DAY,
    86_400,
    what="exports asked for in Admin",
    whom="member of staff",
    alert=gettext_noop("Somebody has made as many exports as a day permits."),
)


def count_export(user_id: object) -> None:
    """
    Count a file that somebody asks for. Outside of transactions, before the operation.

    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: it cannot be counted now
    """
    EXPORTS_IN_AN_HOUR.count(str(user_id))
    EXPORTS_IN_A_DAY.count(str(user_id))
