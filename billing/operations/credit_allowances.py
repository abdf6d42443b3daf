"""What a giver may credit by hand in a day: counted by one conditional statement, never read and written later."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import connection

from billing import errors
from billing.queries.credit_limits import Giver, get_today
from core.actors import Actor
from core.database import operation


@operation
def take(*, giver: Giver, tokens: int, by: Actor) -> None:
    """
    Take tokens out of a giver's allowance of today. The row of giver and day
    (``billing_creditallowance_is_one_per_giver_and_day``) stays locked until the transaction ends, so that the others
    who give with the same hand wait; ``billing_creditallowance_is_not_exceeded`` is the last wall.

    :raises errors.CreditLimitReached: less is left of today
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {"giver": giver.name, "zone": settings.TIME_ZONE, "tokens": tokens, "limit": giver.limit},
        )
        is_taken = cursor.fetchone() is not None
    if not is_taken:
        today = get_today(giver)
        raise errors.CreditLimitReached(required=tokens, limit=giver.limit, used=today.used, resets_at=today.resets_at)


_TAKE: Final = """
    INSERT INTO billing_creditallowance AS given (giver, day, used_tokens, limit_tokens)
    SELECT %(giver)s::text, (core_now() AT TIME ZONE %(zone)s::text)::date, %(tokens)s::bigint, %(limit)s::bigint
    WHERE %(tokens)s::bigint <= %(limit)s::bigint
    ON CONFLICT (giver, day) DO UPDATE
        SET used_tokens = given.used_tokens + excluded.used_tokens, limit_tokens = excluded.limit_tokens
        WHERE given.used_tokens + excluded.used_tokens <= excluded.limit_tokens
    RETURNING given.used_tokens
"""
