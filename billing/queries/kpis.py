"""
The figures by which the business is led, by day and by tariff. Days are the house's; each figure is one statement.

A figure that is the sum over tariffs is kept per day and tariff, and added up by whoever shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from billing.queries.statistics import last_days

# Longer than this nobody reads by days.
MOST_DAYS: Final = 366
DEFAULT_DAYS: Final = 30
# What recurs is worth so much a month: of so many days, whatever the calendar says.
MONTH_SECONDS: Final = 30 * 86_400

# A figure of one tariff on one day.
Cell = tuple[date, UUID]


@dataclass(frozen=True, slots=True)
class Period:
    """
    What is asked about.

    :param since: the first day
    :param until: the last day, which may be unfinished
    :param tariff: only this one; None for all
    """

    since: date
    until: date
    tariff: UUID | None = None

    @property
    def days(self) -> list[date]:
        return [self.since + timedelta(days=n) for n in range((self.until - self.since).days + 1)]

    @property
    def before(self) -> Period:
        """As many days before them."""
        length = self.until - self.since + timedelta(days=1)
        return Period(self.since - length, self.since - timedelta(days=1), self.tariff)

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements: the first moment and the first one after, the zone, the tariff or NULL."""
        return {
            "since": _midnight(self.since),
            "until": _midnight(self.until + timedelta(days=1)),
            "first": self.since,
            "zone": timezone.get_current_timezone_name(),
            "tariff": self.tariff,
        }


def default_period() -> Period:
    """The last thirty days, today included."""
    days = last_days(DEFAULT_DAYS)
    return Period(days[0], days[-1])


@dataclass(slots=True)
class MoneyFigures:
    """
    By currency, minor units. Revenue is what paid for invoices, on the day of its arrival; what went back later is told
    of on the day on which it did: refunds and lost disputes.
    """

    payments: Counter[str] = field(default_factory=Counter)
    revenue: dict[str, Counter[Cell]] = field(default_factory=lambda: defaultdict(Counter))
    returned: dict[str, Counter[Cell]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def currencies(self) -> list[str]:
        """The one of most payments first."""
        known = self.revenue.keys() | self.returned.keys()
        return sorted(known, key=lambda currency: (-self.payments[currency], currency))


_MONEY: Final = """
    SELECT 'revenue', (p.arrived_at AT TIME ZONE %(zone)s::text)::date, i.tariff_id, p.currency, count(*), sum(p.amount)
    FROM billing_payment p JOIN billing_invoice i ON i.id = p.invoice_id
    WHERE p.arrived_at >= %(since)s::timestamptz AND p.arrived_at < %(until)s::timestamptz
        AND p.outcome = 'credited' AND p.amount > 0
        AND (%(tariff)s::uuid IS NULL OR i.tariff_id = %(tariff)s::uuid)
    GROUP BY 2, 3, 4
    UNION ALL
    SELECT 'returned', (back.at AT TIME ZONE %(zone)s::text)::date, i.tariff_id, p.currency, 0, sum(back.amount)
    FROM (
        SELECT payment_id, closed_at AS at, amount FROM billing_refund WHERE state = 'succeeded'
        UNION ALL
        SELECT d.payment_id, d.closed_at, q.amount - q.refunded_amount
        FROM billing_dispute d JOIN billing_payment q ON q.id = d.payment_id WHERE d.state = 'lost'
    ) AS back
    JOIN billing_payment p ON p.id = back.payment_id
    JOIN billing_invoice i ON i.id = p.invoice_id
    WHERE back.at >= %(since)s::timestamptz AND back.at < %(until)s::timestamptz AND p.outcome = 'credited'
        AND (%(tariff)s::uuid IS NULL OR i.tariff_id = %(tariff)s::uuid)
    GROUP BY 2, 3, 4
"""


def get_money(period: Period) -> MoneyFigures:
    """What came in and went back. Of payments it reads what the index by arrival points to."""
    figures = MoneyFigures()
    for kind, day, tariff, currency, payments, amount in _asked(_MONEY, period):
        (figures.revenue if kind == "revenue" else figures.returned)[currency][day, tariff] += int(amount)
        figures.payments[currency] += payments
    return figures


# What is there on a day is what began by then less what has ended: the statements give both as changes.
_RECURRING: Final = """
    WITH paid AS (
        SELECT p.tariff_id, i.currency, p.starts_at, least(p.ends_at, p.removed_at) AS ends_at,
            p.rate_amount::numeric * %(month)s::int / p.rate_seconds AS monthly
        FROM billing_subscriptionperiod p JOIN billing_invoice i ON i.id = p.invoice_id
        WHERE p.starts_at < least(%(until)s::timestamptz, core_now()) AND p.ends_at >= %(since)s::timestamptz
            AND p.rate_amount > 0
            AND (p.removed_at IS NULL OR p.removed_at > greatest(p.starts_at, %(since)s::timestamptz))
            AND (%(tariff)s::uuid IS NULL OR p.tariff_id = %(tariff)s::uuid)
    )
    SELECT greatest((starts_at AT TIME ZONE %(zone)s::text)::date, %(first)s::date), tariff_id, currency, sum(monthly)
    FROM paid GROUP BY 1, 2, 3
    UNION ALL
    SELECT greatest((ends_at AT TIME ZONE %(zone)s::text)::date, %(first)s::date), tariff_id, currency, -sum(monthly)
    FROM paid WHERE ends_at <= least(%(until)s::timestamptz, core_now()) GROUP BY 1, 2, 3
"""


def get_recurring_revenue(period: Period) -> Mapping[str, Counter[Cell]]:
    """
    MRR at the end of each day, now on an unfinished one, by currency, minor units: what the periods that are paid for
    and run then bring in thirty days. Trials bring nothing.
    """
    changes: dict[str, dict[UUID, dict[date, Decimal]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    for day, tariff, currency, monthly in _asked(_RECURRING, period, month=MONTH_SECONDS):
        changes[currency][tariff][day] += monthly
    return {
        currency: Counter(
            {
                (day, tariff): round(value)
                for tariff, by_day in tariffs.items()
                for day, value in _standing(by_day, period.days)
            }
        )
        for currency, tariffs in changes.items()
    }


@dataclass(slots=True)
class SubscriptionFigures:
    """
    :param active: paid for, at the end of each day; one whose payment is due counts until it ends
    :param trialing: on trial, at the end of each day
    :param began: became paid for, on each day
    :param churned: paid for before, and ended on that day
    """

    active: Counter[Cell] = field(default_factory=Counter)
    trialing: Counter[Cell] = field(default_factory=Counter)
    began: Counter[Cell] = field(default_factory=Counter)
    churned: Counter[Cell] = field(default_factory=Counter)


_SUBSCRIPTIONS: Final = """
    SELECT tariff_id, is_paid, began, tried_until, ended, count(*)
    FROM (
        SELECT s.tariff_id,
            EXISTS (
                SELECT FROM billing_subscriptionperiod p WHERE p.subscription_id = s.id AND p.invoice_id IS NOT NULL
            ) AS is_paid,
            greatest((s.started_at AT TIME ZONE %(zone)s::text)::date, %(first)s::date - 1) AS began,
            greatest((s.trial_end AT TIME ZONE %(zone)s::text)::date, %(first)s::date - 1) AS tried_until,
            (s.ended_at AT TIME ZONE %(zone)s::text)::date AS ended
        FROM billing_subscription s
        WHERE s.started_at < %(until)s::timestamptz AND (s.ended_at IS NULL OR s.ended_at >= %(since)s::timestamptz)
            AND (%(tariff)s::uuid IS NULL OR s.tariff_id = %(tariff)s::uuid)
    ) AS each
    GROUP BY 1, 2, 3, 4, 5
"""


def get_subscriptions(period: Period) -> SubscriptionFigures:
    """How many subscriptions there are, begin and end, by the tariff that each has now."""
    figures = SubscriptionFigures()
    for tariff, is_paid, began, tried_until, ended, count in _asked(_SUBSCRIPTIONS, period):
        after = period.until + timedelta(days=1)
        end = min(ended or after, after)
        paid_since = max(began, tried_until or began)
        for day in _days_of(began, min(tried_until or began, end), period):
            figures.trialing[day, tariff] += count
        if not is_paid:
            continue
        for day in _days_of(paid_since, end, period):
            figures.active[day, tariff] += count
        if period.since <= paid_since <= period.until:
            figures.began[paid_since, tariff] += count
        if ended and period.since <= ended <= period.until:
            figures.churned[ended, tariff] += count
    return figures


@dataclass(slots=True)
class TrialFigures:
    """
    By the day on which the trial began.

    :param begun: how many
    :param converted: of them, those whose customers paid for a subscription of the family since, at once or later
    :param running: of them, those that still run and are not paid for: nobody knows yet
    """

    begun: Counter[Cell] = field(default_factory=Counter)
    converted: Counter[Cell] = field(default_factory=Counter)
    running: Counter[Cell] = field(default_factory=Counter)


_TRIALS: Final = """
    SELECT day, tariff_id, count(*), count(*) FILTER (WHERE is_paid),
        count(*) FILTER (WHERE ends_at > core_now() AND NOT is_paid)
    FROM (
        SELECT (t.created_at AT TIME ZONE %(zone)s::text)::date AS day, t.tariff_id, t.ends_at,
            EXISTS (
                SELECT FROM billing_subscription s JOIN billing_subscriptionperiod p ON p.subscription_id = s.id
                WHERE s.wallet_id = t.wallet_id AND s.family = t.family
                    AND p.invoice_id IS NOT NULL AND p.removed_at IS NULL AND p.created_at >= t.created_at
            ) AS is_paid
        FROM billing_trial t
        WHERE t.created_at >= %(since)s::timestamptz AND t.created_at < %(until)s::timestamptz
            AND (%(tariff)s::uuid IS NULL OR t.tariff_id = %(tariff)s::uuid)
    ) AS each
    GROUP BY 1, 2
"""


def get_trials(period: Period) -> TrialFigures:
    """What became of the trials that began in a period."""
    figures = TrialFigures()
    for day, tariff, begun, converted, running in _asked(_TRIALS, period):
        figures.begun[day, tariff] += begun
        figures.converted[day, tariff] += converted
        figures.running[day, tariff] += running
    return figures


# Both halves see the same moment. Of the ledger only what came later is read, by the index by moment.
_LIABILITY: Final = """
    SELECT NULL::date, sum(token_balance)::bigint FROM billing_wallet
    UNION ALL
    SELECT (created_at AT TIME ZONE %(zone)s::text)::date, sum(tokens_delta)::bigint
    FROM billing_transaction WHERE created_at >= %(since)s::timestamptz GROUP BY 1
"""


def get_liability(period: Period) -> Mapping[date, int]:
    """
    Tokens that customers have and have not spent, at the end of each day: what the house still owes. Of all tariffs:
    tokens of different purchases are spent from one balance.
    """
    changes: Counter[date | None] = Counter()
    for day, tokens in _asked(_LIABILITY, period):
        changes[day] += tokens or 0
    left = changes.pop(None, 0) - sum(tokens for day, tokens in changes.items() if day and day > period.until)
    found = {}
    for day in reversed(period.days):
        found[day] = left
        left -= changes[day]
    return {day: found[day] for day in period.days}


def by_day(cells: Mapping[Cell, int], days: Sequence[date]) -> list[int]:
    """The sums over tariffs, of each day."""
    sums: Counter[date] = Counter()
    for (day, _tariff), value in cells.items():
        sums[day] += value
    return [sums[day] for day in days]


def by_tariff(cells: Mapping[Cell, int]) -> Counter[UUID]:
    """The sums over days, of each tariff."""
    sums: Counter[UUID] = Counter()
    for (_day, tariff), value in cells.items():
        sums[tariff] += value
    return sums


def on_day(cells: Mapping[Cell, int], day: date) -> Counter[UUID]:
    """The figures of one day, of each tariff."""
    return Counter({tariff: value for (each, tariff), value in cells.items() if each == day})


def _asked(statement: str, period: Period, **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**period.parameters, **more})
        return list(cursor.fetchall())


def _standing(changes: Mapping[date, Decimal], days: Sequence[date]) -> Iterator[tuple[date, Decimal]]:
    return zip(days, accumulate(changes.get(day, Decimal(0)) for day in days), strict=True)


def _days_of(first: date, end: date, period: Period) -> Iterator[date]:
    """The days of a period from one day on, up to another and without it."""
    day = max(first, period.since)
    while day < end and day <= period.until:
        yield day
        day += timedelta(days=1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
