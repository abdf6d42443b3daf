"""Questions about who brought whom."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from billing.models import Referral


def list_referrals(*, referrer_id: UUID | None = None, only_of: UUID | None = None) -> QuerySet[Referral]:
    """
    Referrals, newest first.

    :param referrer_id: whom this person brought
    :param only_of: whose they must be; anybody's by default
    """
    rows = Referral.objects.order_by("-id")
    if referrer_id is not None:
        rows = rows.filter(referrer=referrer_id)
    return rows if only_of is None else rows.filter(referrer=only_of)
