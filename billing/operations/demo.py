"""
Demo data: a story of sixty days, played through the operations, so that every invariant holds in it.

Not for production, and only for a database that has no customers and no tariffs yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from accounts.operations import api_keys, users
from audit import queries as audit_queries
from audit.operations import records
from billing.models import Invoice, Payment, Tariff
from billing.operations import charges, expirations, grants, holds, invoices, payments, promo_codes, tariffs, wallets
from billing.owners import Owner
from billing.rules import demo_story as story
from core import clock
from core.actors import SYSTEM, Actor, under
from core.clock import CoreNow
from core.database import operation
from core.ids import uuid7
from core.money import Money

LOGIN: Final = "operator"
BOT_SCOPES: Final = ("users:read", "users:write", "billing:read", "billing:write", "payments:write", "grants:write")
_ENTITY: Final = ("billing.demo", "demo")
_REASON: Final = "demo data"
# Real Telegram ids have ten digits: nobody has these.
_FIRST_TELEGRAM_ID: Final = 10**12
_HOUR: Final = timedelta(hours=1)


class DemoRefusedError(Exception):
    """Why no demo data is loaded."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    :param operator_id: the demo operator, who logs in as ``operator``
    :param api_key: the demo bot's key, in clear
    :param figures: what was made, in numbers, by name
    """

    operator_id: UUID
    api_key: str
    figures: dict[str, int]


def find_operator_id() -> UUID | None:
    """The demo operator of this database; None where no demo data was loaded."""
    deed = audit_queries.list_logs(entity_type=_ENTITY[0], entity_id=_ENTITY[1]).first()
    return UUID(deed.new_value["operator"]) if deed and deed.new_value else None


@operation
def load(
    *,
    password: str,
    keep: Callable[[Loaded], None],
    tell: Callable[[datetime], list[story.Step]] = story.tell,
    by: Actor = SYSTEM,
) -> Loaded:
    """
    Play the story, all of it or nothing. An advisory lock lines callers up; the second finds it played.

    :param password: the demo operator's
    :param keep: is handed the result before it is committed, so that no key is made that nobody knows
    :param tell: the story, in the order of time, until a moment
    :raises DemoRefusedError: this is production, or the database has customers or tariffs
    :raises accounts.errors.LoginTaken: somebody is called ``operator`` already
    """
    if settings.ENV == "production":
        raise DemoRefusedError(gettext("Demo data is not for production."))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('billing.demo', 0))")
    if User.objects.filter(telegram_id__isnull=False).exists() or Tariff.objects.exists():
        raise DemoRefusedError(gettext("The database has customers or tariffs already; demo data would mix with them."))
    operator = users.create_staff(login=LOGIN, password=password, role="operator", by=by, reason=_REASON)
    key, shown = api_keys.create(name="Demo bot", scopes=BOT_SCOPES, by=by, reason=_REASON)
    player = _Player(
        operator=Actor(kind="user", id=str(operator.pk), label=LOGIN, user_id=str(operator.pk)),
        bot=Actor(kind="api_key", id=str(key.pk), label=key.name),
    )
    end = timezone.localtime(clock.now())
    with _movable_clock(), under(reason=_REASON):
        player.open_shop(end - timedelta(days=story.DAYS + 1))
        for step in tell(end):
            _move_clock(step.moment)
            player.play(step.deed)
            player.count(step.deed)
    records.record("billing.demo.loaded", entity=_ENTITY, by=by, reason=_REASON, new={"operator": str(operator.pk)})
    loaded = Loaded(operator.pk, shown, player.figures)
    keep(loaded)
    return loaded


@operation
def offer_purchase(*, by: Actor = SYSTEM) -> UUID | None:
    """
    An invoice of a demo customer that waits to be paid, a new one where none does; for whoever wants to see it paid.

    :returns: None where there is nobody to sell to, or nothing to sell
    """
    kept = Invoice.objects.filter(status=Invoice.Status.PENDING, expires_at__gt=CoreNow() + _HOUR, currency="RUB")
    of_demo = kept.filter(wallet__user__telegram_id__gte=_FIRST_TELEGRAM_ID).order_by("pk").first()
    if of_demo is not None:
        return of_demo.pk
    customer = User.objects.filter(telegram_id__gte=_FIRST_TELEGRAM_ID, anonymised_at=None).order_by("pk").first()
    tariff = Tariff.objects.filter(audience=Tariff.Audience.USER, is_active=True, price__gt=0).order_by("pk").first()
    if customer is None or tariff is None:
        return None
    return invoices.create(owner=Owner.user(customer.pk), tariff=tariff.slug, key=f"demo-{uuid7()}", by=by).invoice.pk


@contextmanager
def _movable_clock() -> Iterator[None]:
    """
    Let :func:`_move_clock` decide what ``core_now()`` says, for the block.

    ``core_now()`` is replaced and put back within one transaction, so that no other connection ever sees it moved, and
    an error undoes it. History cannot be made in any other way: ledgers refuse to be dated back.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('core_now()'::regprocedure)")
        usual = cursor.fetchone()[0]
        cursor.execute(
            "CREATE OR REPLACE FUNCTION core_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
            "AS $$ SELECT current_setting('dvorik.demo_moment')::timestamptz $$"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute(usual)


def _move_clock(moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('dvorik.demo_moment', %s::text, true)", [moment.isoformat()])


@dataclass
class _Player:
    """Plays deeds; remembers who is who."""

    operator: Actor
    bot: Actor
    orders: dict[str, Invoice] = field(default_factory=dict)
    holds: dict[str, UUID] = field(default_factory=dict)
    referral_codes: dict[int, str] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)

    def open_shop(self, moment: datetime) -> None:
        """What was there before the first customer."""
        _move_clock(moment)
        with under(door="admin"):
            made = {str(fields["slug"]): tariffs.create(by=self.operator, **fields) for fields in story.TARIFFS}
            for code in story.PROMO_CODES:
                tariff = made[str(code["tariff"])] if "tariff" in code else None
                fields = {name: value for name, value in code.items() if name not in {"code", "tariff"}}
                promo_codes.create(code=str(code["code"]), by=self.operator, tariff=tariff, **fields)

    def count(self, deed: story.Deed) -> None:
        """Keep the figures that the command prints."""
        name = type(deed).__name__
        self.figures[name] = self.figures.get(name, 0) + 1

    @singledispatchmethod
    def play(self, deed: story.Deed) -> None:
        """Do it, as whoever does such a thing."""
        raise NotImplementedError(type(deed).__name__)

    @play.register
    def _registers(self, deed: story.Registers) -> None:
        referrer = None if deed.referrer is None else self.referral_codes[deed.referrer]
        with under(door="api"):
            user, _is_new = users.get_or_create_from_telegram(
                telegram_id=_telegram_id(deed.customer),
                first_name=deed.first_name,
                language_code="ru",
                is_premium=deed.is_premium,
                referral_code=referrer,
                by=self.bot,
            )
        self.referral_codes[deed.customer] = user.referral_code
        # The column's default is the server's own clock, which does not move.
        User.objects.filter(pk=user.pk).update(created_at=CoreNow())

    @play.register
    def _orders(self, deed: story.Orders) -> None:
        with under(door="api"):
            self.orders[deed.order] = invoices.create(
                owner=_owner(deed.customer),
                tariff=deed.tariff,
                promo_code=deed.promo_code,
                key=f"order-{deed.order}",
                by=self.bot,
            ).invoice

    @play.register
    def _pays(self, deed: story.Pays) -> None:
        invoice = self.orders[deed.order]
        amount = Money(invoice.amount_stars or 0, "XTR") if deed.in_stars else invoice.amount_money
        with under(door="api"):
            payments.record_success(
                invoice_id=invoice.pk,
                provider=Payment.Provider.MANUAL,
                provider_payment_id=f"demo-{deed.order}-{deed.attempt}",
                amount=amount,
                key=f"payment-{deed.order}-{deed.attempt}",
                by=self.bot,
            )

    @play.register
    def _cancels(self, deed: story.Cancels) -> None:
        with under(door="api"):
            invoices.cancel(invoice_id=self.orders[deed.order].pk, by=self.bot)

    @play.register
    def _spends(self, deed: story.Spends) -> None:
        with under(door="api"):
            charges.charge(
                owner=_owner(deed.customer),
                tokens=deed.tokens,
                key=deed.key,
                description=deed.description,
                by=self.bot,
            )

    @play.register
    def _sets_aside(self, deed: story.SetsAside) -> None:
        with under(door="api"):
            placed = holds.place(
                owner=_owner(deed.customer),
                tokens=deed.tokens,
                key=deed.key,
                description=deed.description,
                by=self.bot,
            )
        self.holds[deed.key] = placed.hold.pk

    @play.register
    def _settles_hold(self, deed: story.SettlesHold) -> None:
        settle = holds.capture if deed.is_done else holds.release
        with under(door="api"):
            settle(hold_id=self.holds[deed.key], by=self.bot)

    @play.register
    def _is_given(self, deed: story.IsGiven) -> None:
        life = None if deed.expires_in_days is None else timedelta(days=deed.expires_in_days)
        with under(door="admin"):
            grants.give(
                owner=_owner(deed.customer),
                tokens=deed.tokens,
                reason=deed.reason,
                expires_at=None if life is None else clock.now() + life,
                key=f"grant-{deed.customer}",
                by=self.operator,
            )

    @play.register
    def _is_frozen(self, deed: story.IsFrozen) -> None:
        with under(door="admin"):
            wallets.freeze(owner=_owner(deed.customer), reason=deed.reason, by=self.operator)

    @play.register
    def _reprices(self, deed: story.Reprices) -> None:
        seen = Tariff.objects.get(slug=deed.tariff)
        with under(door="admin"):
            tariffs.change(slug=deed.tariff, seen_version=seen.version, price=deed.price, by=self.operator)

    @play.register
    def _sweeps(self, _deed: story.Sweeps) -> None:
        with under(door="job"):
            for wallet_id in expirations.list_due_wallets():
                expirations.book(wallet_id=wallet_id, by=SYSTEM)
            for invoice_id in invoices.list_due():
                invoices.expire(invoice_id=invoice_id, by=SYSTEM)


def _telegram_id(customer: int) -> int:
    return _FIRST_TELEGRAM_ID + customer


def _owner(customer: int) -> Owner:
    return Owner.telegram(_telegram_id(customer))
