"""Holds as they are shown."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField

from billing import errors
from billing.models import Hold
from core.clock import CoreNow


def get_hold(hold_id: UUID) -> Hold:
    """
    A hold with its wallet. One that has run out is shown as expired, booked or not.

    :raises errors.HoldNotFound: there is no such hold
    """
    ran_out = ExpressionWrapper(Q(state=Hold.State.OPEN, expires_at__lte=CoreNow()), output_field=BooleanField())
    found = Hold.objects.select_related("wallet").annotate(ran_out=ran_out).filter(pk=hold_id).first()
    if found is None:
        raise errors.HoldNotFound(str(hold_id))
    if found.ran_out:
        found.state = Hold.State.EXPIRED
    return found
