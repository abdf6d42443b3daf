"""Whose wallet it is, as a part of other questions."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from billing.models import Wallet


def wallet_id_of(*, user_id: UUID | None = None, company_id: UUID | None = None) -> QuerySet[Wallet, UUID]:
    """
    The id of one owner's wallet as a scalar subquery: the wallet is found first, by the owner's unique index, and
    what belongs to it comes in order from its own index, instead of everybody's being walked.

    :param user_id: the user who owns it, or
    :param company_id: the company that does
    """
    owned = Wallet.objects.filter(Q(user_id=user_id, company_id=company_id))
    # At most one row: an order would only tempt the planner to walk the wallets in it.
    return owned.order_by().values_list("pk", flat=True)[:1]
