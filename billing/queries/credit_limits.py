"""Who gives tokens by hand, how many they may give alone in a day, and what waits for a colleague."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from accounts.models import User
from billing.models import CreditRequest
from billing.runtime_settings import (
    CREDIT_APPROVAL_ABOVE,
    CREDIT_APPROVAL_ABOVE_API_KEY,
    CREDIT_DAILY_LIMIT_API_KEY,
    CREDIT_DAILY_LIMITS,
)
from core.actors import Actor

ASK: Final = "billing.add_creditrequest"
APPROVE: Final = "billing.approve_creditrequest"


@dataclass(frozen=True, slots=True)
class Giver:
    """
    Somebody who gives tokens by hand.

    :param name: whose allowance it is: ``user:<id>`` or ``api_key:<id>``
    :param person: the colleague behind it; None for a server's key that is nobody's hand
    :param limit: tokens that they may give in a day without a colleague
    :param approval_above: a credit of more tokens waits for a colleague
    :param may_ask: whether they may ask for one
    """

    name: str
    person: UUID | None
    limit: int
    approval_above: int
    may_ask: bool


def find_giver(by: Actor) -> Giver | None:
    """
    The one who gives when this actor does; None for the house itself, which has no hands.

    A colleague is the same giver in Admin, in the shell, over the API, and through each API key that they own. Whoever
    works here no longer, or has no role that gives, may give nothing.
    """
    named = by.user_id or (by.id if by.kind in {"user", "shell"} else "")
    colleague = _find_colleague(named)
    if by.kind == "api_key" and colleague is None:
        return Giver(
            name=f"api_key:{by.id}",
            person=None,
            limit=CREDIT_DAILY_LIMIT_API_KEY.get(),
            approval_above=CREDIT_APPROVAL_ABOVE_API_KEY.get(),
            may_ask=True,
        )
    if by.kind in {"system", "job"}:
        return None
    return Giver(
        name=f"user:{named}",
        person=colleague.pk if colleague else None,
        limit=_limit_of(colleague) if colleague else 0,
        approval_above=CREDIT_APPROVAL_ABOVE.get(),
        may_ask=colleague is not None and colleague.has_perm(ASK),
    )


def find_decider(by: Actor) -> User | None:
    """The colleague who decides when this actor does, if they may; keys and the house itself may not."""
    colleague = _find_colleague(by.user_id or by.id) if by.kind in {"user", "shell"} else None
    return colleague if colleague and colleague.has_perm(APPROVE) else None


def _find_colleague(user_id: str) -> User | None:
    try:
        return User.objects.filter(pk=UUID(user_id), is_staff=True, is_active=True).first()
    except ValueError:
        return None


def _limit_of(colleague: User) -> int:
    roles = set(colleague.groups.values_list("name", flat=True))
    if colleague.is_superuser:
        roles.add("superadmin")
    return max((limit.get() for role, limit in CREDIT_DAILY_LIMITS.items() if role in roles), default=0)


@dataclass(frozen=True, slots=True)
class Today:
    """
    How far a giver's allowance of today has come.

    :param resets_at: when the house's next day begins
    """

    used: int
    resets_at: datetime


def get_today(giver: Giver) -> Today:
    """Days are the house's, by the database's clock. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_TODAY, {"zone": settings.TIME_ZONE, "giver": giver.name})
        return Today(*cursor.fetchone())


_TODAY: Final = """
    SELECT coalesce(given.used_tokens, 0), (today.day + 1)::timestamp AT TIME ZONE %(zone)s::text
    FROM (SELECT (core_now() AT TIME ZONE %(zone)s::text)::date AS day) AS today
    LEFT JOIN billing_creditallowance AS given ON given.giver = %(giver)s::text AND given.day = today.day
"""


def list_pending_requests() -> QuerySet[CreditRequest]:
    """Credits that wait for a colleague, newest first."""
    return CreditRequest.objects.filter(state=CreditRequest.State.PENDING).order_by("-id")
