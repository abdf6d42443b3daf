"""
What forty customers of a demo might have done in sixty days: who came, bought, spent, and what went wrong.

Pure and repeatable: the same end gives the same story. ``billing.operations.demo`` plays it through the operations.
The story stays inside what the operations permit: nobody spends what they do not have, no code is overused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

DAYS: Final = 60
_SEED: Final = 20

TARIFFS: Final[tuple[dict[str, object], ...]] = (
    {
        "slug": "start",
        "name": "Старт",
        "description": "5 ТЗ — для тестирования",
        "price": 14_900,
        "price_stars": 85,
        "tokens": 5,
        "sort_order": 10,
    },
    {
        "slug": "optimal",
        "name": "Оптимальный",
        "description": "20 ТЗ — самый популярный",
        "price": 39_900,
        "price_stars": 230,
        "tokens": 20,
        "sort_order": 20,
    },
    {
        "slug": "pro",
        "name": "Профи",
        "description": "50 ТЗ — для активных селлеров",
        # Lowered to 69 900 in the course of the story.
        "price": 79_900,
        "price_stars": 400,
        "tokens": 50,
        "sort_order": 30,
    },
    {
        "slug": "unlimited",
        "name": "Безлимит",
        "description": "Безлимит на месяц",
        "price": 149_900,
        "price_stars": 850,
        "tokens": 999,
        "token_validity_days": 30,
        "subscription_days": 30,
        "family": "unlimited",
        "sort_order": 40,
    },
)
PROMO_CODES: Final[tuple[dict[str, object], ...]] = (
    {"code": "WELCOME10", "discount_type": "percent", "discount_value": 10},
    {"code": "BONUS5", "discount_type": "bonus_tokens", "discount_value": 5, "max_uses": 15},
    {"code": "PRO30", "discount_type": "percent", "discount_value": 30, "max_uses": 10, "tariff": "pro"},
    {"code": "MINUS100", "discount_type": "fixed", "discount_value": 10_000, "currency": "RUB", "tariff": "optimal"},
    {"code": "GIFT", "discount_type": "percent", "discount_value": 100, "max_uses": 3, "tariff": "start"},
)
_CODES_OF: Final = {
    "start": ["WELCOME10", "GIFT"],
    "optimal": ["WELCOME10", "MINUS100", "BONUS5"],
    "pro": ["PRO30", "BONUS5"],
}

_TOKENS: Final = {"start": 5, "optimal": 20, "pro": 50}
_NAMES: Final = [
    "Анна",
    "Борис",
    "Вера",
    "Глеб",
    "Дарья",
    "Егор",
    "Жанна",
    "Захар",
    "Инна",
    "Кирилл",
    "Лариса",
    "Максим",
    "Нина",
    "Олег",
    "Полина",
    "Роман",
    "Софья",
    "Тимур",
    "Ульяна",
    "Фёдор",
    "Эмма",
    "Юрий",
    "Яна",
    "Артём",
    "Белла",
    "Виктор",
    "Галина",
    "Денис",
    "Елена",
    "Илья",
    "Камила",
    "Леонид",
    "Марина",
    "Никита",
    "Оксана",
    "Павел",
    "Рита",
    "Степан",
    "Таисия",
    "Эльдар",
]
_GOODS: Final = (
    "термокружка",
    "детский плед",
    "органайзер для специй",
    "настольная лампа",
    "рюкзак",
    "коврик для йоги",
    "набор контейнеров",
    "беспроводные наушники",
    "корм для кошек",
    "чехол для телефона",
    "свеча ручной работы",
    "конструктор",
)
# Business goes on by day; the weights of the hours from 8 to 23.
_HOURS: Final = (1, 3, 6, 8, 8, 7, 6, 7, 8, 7, 6, 6, 7, 6, 4, 2)


@dataclass(frozen=True, slots=True)
class Registers:
    customer: int
    first_name: str
    is_premium: bool
    # The number of the customer who brought this one.
    referrer: int | None


@dataclass(frozen=True, slots=True)
class Orders:
    customer: int
    order: str
    tariff: str
    promo_code: str | None


@dataclass(frozen=True, slots=True)
class Pays:
    """:param attempt: the second payment of one order is a surplus"""

    order: str
    in_stars: bool = False
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Cancels:
    order: str


@dataclass(frozen=True, slots=True)
class Spends:
    customer: int
    key: str
    tokens: int
    description: str


@dataclass(frozen=True, slots=True)
class SetsAside:
    customer: int
    key: str
    tokens: int
    description: str


@dataclass(frozen=True, slots=True)
class SettlesHold:
    """:param is_done: whether the work was done and took the tokens; else they are given back"""

    key: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class IsGiven:
    customer: int
    tokens: int
    reason: str
    expires_in_days: int | None = None


@dataclass(frozen=True, slots=True)
class IsFrozen:
    customer: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reprices:
    tariff: str
    price: int


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What the periodic jobs do: lots, holds and invoices whose time has passed are booked."""


Deed = Registers | Orders | Pays | Cancels | Spends | SetsAside | SettlesHold | IsGiven | IsFrozen | Reprices | Sweeps


@dataclass(frozen=True, slots=True)
class Step:
    moment: datetime
    deed: Deed


def tell(until: datetime) -> list[Step]:
    """
    The story, in the order of time.

    :param until: where it ends, in the time zone whose days and nights count; it begins :data:`DAYS` days earlier
    """
    author = _Author(until)
    for number, name in enumerate(_NAMES):
        author.customer(number, name)
    author.house()
    # Python's sort is stable: deeds of one moment stay in the order in which they were told.
    return sorted((step for step in author.steps if step.moment <= until), key=lambda step: step.moment)


@dataclass
class _Author:
    until: datetime
    random: Random = field(default_factory=lambda: _random(""))
    steps: list[Step] = field(default_factory=list)
    uses_left: dict[str, int] = field(
        default_factory=lambda: {str(code["code"]): int(str(code.get("max_uses", 1_000))) for code in PROMO_CODES}
    )

    def add(self, moment: datetime, deed: Deed) -> None:
        self.steps.append(Step(moment, deed))

    def at(self, days: float) -> datetime:
        """A moment in opening hours, so many days after the beginning."""
        midnight = self.until.replace(hour=0, minute=0, second=0, microsecond=0)
        hour = self.random.choices(range(8, 24), weights=_HOURS)[0]
        seconds = hour * 3_600 + self.random.randrange(3_600)
        return midnight + timedelta(days=int(days) - DAYS, seconds=seconds)

    def soon(self, moment: datetime, minutes: int) -> datetime:
        return moment + timedelta(seconds=self.random.randrange(30, 60 * minutes))

    def house(self) -> None:
        """What happens besides the customers' doings."""
        self.add(self.at(22), Reprices("pro", 69_900))
        # Left open where the story ends. Customer 35 has the unlimited package then.
        self.add(self.until - timedelta(minutes=50), Orders(0, "0-last", "optimal", None))
        self.add(self.until - timedelta(minutes=9), Orders(2, "2-last", "unlimited", None))
        self.add(self.until - timedelta(minutes=2), SetsAside(35, "brief-last", 2, f"ТЗ: {_GOODS[0]}"))
        begin = self.until - timedelta(days=DAYS + 1)
        for half_day in range(1, 2 * (DAYS + 1) + 1):
            self.add(begin + timedelta(hours=12 * half_day), Sweeps())

    def customer(self, number: int, name: str) -> None:
        # Each has dice of their own: what the end cuts off one's story does not change another's.
        self.random = _random(name)
        # More came lately than in the beginning.
        day = DAYS * (number / len(_NAMES)) ** 0.8
        moment = self.at(day)
        referrer = self.random.randrange(number) if number > 4 and self.random.random() < 0.25 else None
        self.add(moment, Registers(number, name, is_premium=self.random.random() < 0.3, referrer=referrer))
        if number in {6, 17, 28}:
            self.add(self.soon(moment, 20), IsGiven(number, 3, "Приветственные ТЗ по акции", expires_in_days=14))
        if number == 11:
            self.add(self.at(day + 9), IsGiven(number, 5, "Извинение за сбой генерации"))
        if number % 8 == 3:
            self._buys_unlimited(number, moment)
        elif number % 4 == 1:
            self._only_looks(number, moment)
        else:
            self._buys_packages(number, moment)

    def _only_looks(self, number: int, moment: datetime) -> None:
        """Asks for an invoice and lets it expire, or takes it back."""
        asked = self.soon(moment, 600)
        order = f"{number}-1"
        self.add(asked, Orders(number, order, "start", "WELCOME10" if self.random.random() < 0.4 else None))
        if self.random.random() < 0.4:
            self.add(self.soon(asked, 30), Cancels(order))

    def _buys_packages(self, number: int, moment: datetime) -> None:
        """Buys, spends all of it in some weeks, buys again; now and then an order comes to nothing."""
        for turn in range(1, 8):
            tariff = self.random.choices(["start", "optimal", "pro"], weights=[3, 4, 2] if turn == 1 else [1, 4, 4])[0]
            asked = self.soon(moment, 240)
            order = f"{number}-{turn}"
            if self.random.random() < 0.18:
                self.add(asked, Orders(number, order, tariff, None))
                if self.random.random() < 0.5:
                    self.add(self.soon(asked, 60), Cancels(order))
                moment = asked + timedelta(days=2)
                continue
            paid = self._buys(number, order, tariff, asked, code=self._code(tariff) if turn == 1 else None)
            if number == 14:
                frozen = self._another_day(paid)
                self.add(frozen, IsFrozen(number, "Подозрение на чужую карту, ждём ответа клиента"))
                return
            if number == 8 and turn <= 2:
                self.add(self.soon(paid, 3), Pays(order, attempt=2))
            moment = self._spends(number, order, _TOKENS[tariff], paid)
            if moment > self.until or self.random.random() < 0.25:
                return
            moment += timedelta(days=self.random.uniform(0.5, 6))

    def _buys_unlimited(self, number: int, moment: datetime) -> None:
        """Pays by the month; what is not spent expires."""
        for month in range(1, 3):
            order = f"{number}-{month}"
            paid = self._buys(number, order, "unlimited", self.soon(moment, 300), code=None)
            for day in range(29):
                for visit in range(self.random.randrange(4)):
                    when = paid + timedelta(days=day, minutes=37 * visit + 5)
                    self._spend(number, f"{order}-{day}-{visit}", self.random.randrange(1, 4), when)
            moment = paid + timedelta(days=30, hours=self.random.uniform(1, 60))
            if self.random.random() < 0.3:
                return

    def _buys(self, number: int, order: str, tariff: str, asked: datetime, *, code: str | None) -> datetime:
        self.add(asked, Orders(number, order, tariff, code))
        if code == "GIFT":
            # Nothing is left to pay: the invoice settled itself.
            return asked
        paid = self.soon(asked, 12)
        self.add(paid, Pays(order, in_stars=self.random.random() < 0.2))
        return paid

    def _spends(self, number: int, order: str, tokens: int, since: datetime) -> datetime:
        """Spends a package to its end; the moment of the last token."""
        moment = since
        for visit in _parts(tokens, self.random):
            moment = self.soon(moment, 60) if self.random.random() < 0.4 else self._another_day(moment)
            self._spend(number, f"{order}-{tokens}", visit, moment)
            tokens -= visit
        return moment

    def _another_day(self, moment: datetime) -> datetime:
        return moment + timedelta(hours=24 * self.random.randrange(1, 4) + self.random.uniform(-3, 3))

    def _spend(self, number: int, key: str, tokens: int, moment: datetime) -> None:
        what = f"ТЗ: {self.random.choice(_GOODS)}"
        if self.random.random() < 0.15:
            self.add(moment, SetsAside(number, f"brief-{key}", tokens, what))
            self.add(self.soon(moment, 4), SettlesHold(f"brief-{key}", is_done=self.random.random() < 0.7))
        else:
            self.add(moment, Spends(number, f"brief-{key}", tokens, what))

    def _code(self, tariff: str) -> str | None:
        if self.random.random() < 0.55:
            return None
        code = self.random.choice(_CODES_OF[tariff])
        if not self.uses_left[code]:
            return None
        self.uses_left[code] -= 1
        return code


def _random(name: str) -> Random:
    return Random(f"{_SEED} {name}")  # noqa: S311 (a story, no secret)


def _parts(tokens: int, random: Random) -> Iterator[int]:
    while tokens:
        part = min(tokens, random.choice((1, 1, 1, 2, 2, 3)))
        yield part
        tokens -= part
