"""What a customer did, and how the business goes, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import User
from billing.models import Invoice, Payment, Transaction, Wallet
from billing.owners import Owner
from billing.queries import balances
from core import clock
from core.clock import CoreNow
from core.errors import NotFound
from core.ids import earliest_at
from core.money import Money

_USES = (Transaction.Type.CHARGE, Transaction.Type.CAPTURE)
_MONEY_KEPT = (Payment.Status.SUCCEEDED, Payment.Status.PARTIALLY_REFUNDED, Payment.Status.DISPUTED)
_KEPT_OF_IT = Sum(F("amount") - F("refunded_amount"))


@dataclass(frozen=True, slots=True)
class UserStatistics:
    """
    :param balance: tokens, as shown
    :param total_generated: charges and captured holds, ever
    :param generations_this_month: the same, since the calendar month began in the house's time zone
    :param total_spent: money that arrived and was kept, without what went back of it, in the currency of most payments
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
        .annotate(spent=_KEPT_OF_IT, times=Count("pk"))
        .order_by("-times", "currency")
    )
    first = per_currency.first()
    return Money(int(first[1]), first[0]) if first else Money(0, "RUB")


@dataclass(frozen=True, slots=True)
class DayOfTokens:
    """
    :param sold: tokens of purchases
    :param spent: tokens of charges and captured holds
    :param customers: wallets that spent any
    """

    day: date
    sold: int
    spent: int
    customers: int


@dataclass(frozen=True, slots=True)
class Revenue:
    """
    Money that paid for invoices and was kept. What went back later is missing on the day on which it had arrived: the
    key figures, which tell of it on the day on which it went, come to the same sums.

    :param currency: of most payments; the days are in it
    :param days: minor units by day, each day of the period present
    :param total: of the period, per currency, the main one first
    :param before: of the period before, in the main currency
    """

    currency: str
    days: Mapping[date, int]
    total: Sequence[Money]
    before: Money


def get_revenue(period: Sequence[date]) -> Revenue:
    """Revenue per day of its arrival, in the house's time zone. One query, over the index of payments by arrival."""
    rows = list(
        Payment.objects.filter(
            arrived_at__gte=_midnight(period[0] - timedelta(days=len(period))),
            status__in=_MONEY_KEPT,
            outcome=Payment.Outcome.CREDITED,
            amount__gt=0,
        )
        .values_list(TruncDate("arrived_at"), "currency")
        .annotate(kept=_KEPT_OF_IT, times=Count("pk"))
        .order_by("currency")
    )
    times: Counter[str] = Counter()
    total: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for day, currency, amount, count in rows:
        (total if day >= period[0] else before)[currency] += amount
        times[currency] += count
    main = times.most_common(1)[0][0] if times else "RUB"
    per_day = {day: amount for day, currency, amount, _count in rows if currency == main}
    others = sorted(currency for currency in total if currency != main)
    return Revenue(
        currency=main,
        days={day: int(per_day.get(day, 0)) for day in period},
        total=[Money(int(total[currency]), currency) for currency in (main, *others)],
        before=Money(int(before[main]), main),
    )


@dataclass(frozen=True, slots=True)
class TokenMovements:
    """
    :param days: each day of the period, in order
    :param customers: wallets that spent anything in the period
    """

    days: Sequence[DayOfTokens]
    customers: int


def get_token_movements(period: Sequence[date]) -> TokenMovements:
    """
    Tokens sold and spent, and who spent them, per day in the house's time zone. One query; of the ledger it reads what
    the index by day points to.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT day, sum(sold)::bigint, sum(spent)::bigint, count(DISTINCT wallet_id) FILTER (WHERE spent > 0)
            FROM (
                SELECT (created_at AT TIME ZONE %(zone)s)::date AS day, wallet_id,
                    coalesce(sum(tokens_delta) FILTER (WHERE type = 'purchase'), 0) AS sold,
                    coalesce(-sum(tokens_delta) FILTER (WHERE type IN ('charge', 'capture')), 0) AS spent
                FROM billing_transaction
                WHERE created_at >= %(since)s AND type IN ('purchase', 'charge', 'capture')
                GROUP BY 1, 2
            ) AS per_wallet
            GROUP BY GROUPING SETS ((day), ())
            """,
            {"zone": timezone.get_current_timezone_name(), "since": _midnight(period[0])},
        )
        found = {day: (sold or 0, spent or 0, customers) for day, sold, spent, customers in cursor.fetchall()}
    return TokenMovements(
        days=[DayOfTokens(day, *found.get(day, (0, 0, 0))) for day in period],
        customers=found[None][2],
    )


def get_invoices_by_status(period: Sequence[date]) -> Mapping[str, int]:
    """
    What became of the invoices that were made in a period; every status is present. One query, over the primary key:
    ids begin with the moment they were made.
    """
    since = _midnight(period[0])
    # The id is made a moment before the row, and by another clock: a day is more than they ever differ.
    made = Invoice.objects.filter(pk__gte=earliest_at(since - timedelta(days=1)), created_at__gte=since)
    found = dict(made.values_list("status").annotate(Count("pk")).order_by())
    return {status: found.get(status, 0) for status in Invoice.Status.values}


@dataclass(frozen=True, slots=True)
class AwaitingPayment:
    """Invoices that can be paid now, and what they ask, per currency."""

    count: int
    amounts: Sequence[Money]


def get_awaiting_payment() -> AwaitingPayment:
    """What customers are asked for and have not paid yet. One query, over the index of pending invoices."""
    pending = Invoice.objects.filter(status=Invoice.Status.PENDING, expires_at__gt=CoreNow())
    rows = list(pending.values_list("currency").annotate(times=Count("pk"), asked=Sum("amount")).order_by("-times"))
    return AwaitingPayment(
        count=sum(count for _currency, count, _amount in rows),
        amounts=[Money(int(amount), currency) for currency, _count, amount in rows],
    )


def last_days(days: int) -> list[date]:
    """The last days in the house's time zone, today included, the oldest first. One query, for the clock."""
    today = timezone.localtime(clock.now()).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
