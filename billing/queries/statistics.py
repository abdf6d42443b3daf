"""What a customer did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.models import User
from billing.models import Payment, Transaction, Wallet
from billing.owners import Owner
from billing.queries import balances
from core import clock
from core.errors import NotFound
from core.money import Money

_USES = (Transaction.Type.CHARGE, Transaction.Type.CAPTURE)
_MONEY_KEPT = (Payment.Status.SUCCEEDED, Payment.Status.PARTIALLY_REFUNDED, Payment.Status.DISPUTED)


@dataclass(frozen=True, slots=True)
class UserStatistics:
    """
    :param balance: tokens, as shown
    :param total_generated: charges and captured holds, ever
    :param generations_this_month: the same, since the calendar month began in the house's time zone
    :param total_spent: money that arrived and was kept, in the currency of most payments
    """

    balance: int
    total_generated: int
    generations_this_month: int
    total_spent: Money
    is_premium: bool
    member_since: datetime


def get_user_statistics(user_id: UUID) -> UserStatistics:
    """
    :raises core.errors.NotFound: there is no such user
    """
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound(str(user_id))
    balance = balances.get_balance(Owner.user(user_id))
    uses = Transaction.objects.filter(wallet=balance.wallet, type__in=_USES).aggregate(
        total=Count("pk"), month=Count("pk", filter=Q(created_at__gte=_month_began()))
    )
    return UserStatistics(
        balance=balance.token_balance,
        total_generated=uses["total"],
        generations_this_month=uses["month"],
        total_spent=_total_spent(balance.wallet),
        is_premium=user.is_premium,
        member_since=user.created_at,
    )


def _month_began() -> datetime:
    local = timezone.localtime(clock.now())
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _total_spent(wallet: Wallet) -> Money:
    per_currency = (
        Payment.objects.filter(invoice__wallet=wallet, status__in=_MONEY_KEPT)
        .values_list("currency")
        .annotate(spent=Sum("amount"), times=Count("pk"))
        .order_by("-times", "currency")
    )
    first = per_currency.first()
    return Money(int(first[1]), first[0]) if first else Money(0, "RUB")
