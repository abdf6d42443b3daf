"""
Settings that operators change while the house runs: a typed registry in code over one small table.

An app registers its keys where they are used and keeps what it gets back::

    INVOICE_TTL_MINUTES = runtime_settings.register(
        key="billing.invoice_ttl_minutes", value_type=int, default=60, minimum=1, maximum=1440,
        help_text=_("How long an unpaid invoice waits, in minutes."),
    )
    INVOICE_TTL_MINUTES.get()
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, cast

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.errors import SettingInvalid, SettingUnknown
from core.models.setting import Setting
from core.money import EXPONENTS, MAX_MINOR_UNITS, Money

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=int | str | Money)

MASK: Final = "••••••"
# A reader sees a committed change after this many seconds at the latest.
CACHE_SECONDS: Final = 1.0
_LONGEST_TEXT: Final = 4000
_KEY: Final = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Definition(Generic[T]):
    """
    A registered setting.

    :param minimum: the least number, of minor units for Money; the fewest characters of a text
    :param maximum: likewise the most
    :param choices: the only values allowed, where given
    :param secret: never shown, logged or audited
    """

    key: str
    value_type: type[T]
    default: T = field(repr=False)
    help_text: str | Promise = field(repr=False)
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[T, ...] = ()
    secret: bool = False

    def get(self) -> T:
        """The value in force, at most a second old."""
        return cast(T, _in_force().get(self.key, self.default))

    def of(self, row: Setting | None) -> T:
        """The value in force as the setting's row has it, without this process's cache; None is no row."""
        if row is None:
            return self.default
        return self.stored_or_default(row.secret_value if self.secret else row.value)

    def stored_or_default(self, stored: object) -> T:
        """The value that a JSON value means; the default where it is none, or does not fit."""
        try:
            return self.default if stored is None else self.read(stored)
        except SettingInvalid:
            return self.default

    def read(self, stored: object) -> T:
        """
        The value that a JSON value means.

        :raises SettingInvalid: it has another type, is out of bounds or is no choice; the error says which
        """
        value = self._typed(stored)
        size = _size(value)
        if (self.minimum is not None and size < self.minimum) or (self.maximum is not None and size > self.maximum):
            raise self._invalid(self._bounds())
        if self.choices and value not in self.choices:
            raise self._invalid(_("It must be one of: %s.") % ", ".join(map(str, self.choices)))
        return value

    def as_json(self, value: T) -> object:
        """The JSON value that is stored for a value."""
        return {"amount": value.amount, "currency": value.currency} if isinstance(value, Money) else value

    def shown(self, value: T) -> str:
        """A value as people may see it."""
        return MASK if self.secret else str(value)

    def _typed(self, stored: object) -> T:
        value = _money(stored) if self.value_type is Money else stored
        # A boolean is an integer in Python, and is none here.
        if type(value) is not self.value_type:
            raise self._invalid(_TYPE_RULES[self.value_type])
        if isinstance(value, str) and ("\x00" in value or any("\ud800" <= each <= "\udfff" for each in value)):
            raise self._invalid(_("It holds a character that cannot be stored."))
        return cast(T, value)

    def _bounds(self) -> str | Promise:
        low, high = self.minimum, self.maximum
        if self.value_type is str:
            return _("It must have %(low)s to %(high)s characters.") % {"low": low or 0, "high": high}
        if high is None:
            return _("It must be at least %s.") % low
        if low is None:
            return _("It must be at most %s.") % high
        return _("It must be between %(low)s and %(high)s.") % {"low": low, "high": high}

    def _invalid(self, why: str | Promise) -> SettingInvalid:
        return SettingInvalid(fields={self.key: [why]}, setting=self.key, minimum=self.minimum, maximum=self.maximum)


# By each type that T can be.
_TYPE_RULES: Final[dict[type, str | Promise]] = {
    int: _("It must be a whole number."),
    bool: _("It must be yes or no."),
    str: _("It must be a text."),
    Money: _("It must be an amount of minor units with a currency."),
}


def _money(stored: object) -> Money | None:
    if not isinstance(stored, dict) or stored.keys() != {"amount", "currency"}:
        return None
    amount, currency = stored["amount"], stored["currency"]
    if type(amount) is not int or abs(amount) > MAX_MINOR_UNITS:
        return None
    if not isinstance(currency, str) or currency not in EXPONENTS:
        return None
    return Money(amount, currency)


def _size(value: int | str | Money) -> int:
    if isinstance(value, Money):
        return value.amount
    return len(value) if isinstance(value, str) else int(value)


# Definitions of different types live side by side; each is read through its own type.
_definitions: Final[dict[str, Definition[Any]]] = {}


def register(
    *,
    key: str,
    value_type: type[T],
    default: T,
    help_text: str | Promise,
    minimum: int | None = None,
    maximum: int | None = None,
    choices: tuple[T, ...] = (),
    secret: bool = False,
) -> Definition[T]:
    """
    Register a setting; for the parameters see :class:`Definition`. A text has at most 4000 characters.

    :raises RuntimeError: the key is taken or malformed, or the default does not fit its own bounds
    """
    if value_type is str and maximum is None:
        maximum = _LONGEST_TEXT
    definition = Definition(
        key=key,
        value_type=value_type,
        default=default,
        help_text=help_text,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        secret=secret,
    )
    if not _KEY.fullmatch(key) or key in _definitions:
        raise RuntimeError(f"{key!r} is taken, or is no key")
    try:
        definition.read(definition.as_json(default))
    except SettingInvalid as misfit:
        raise RuntimeError(f"{key}: the default does not fit: {misfit}") from misfit
    _definitions[key] = definition
    return definition


def definitions() -> list[Definition[Any]]:
    """Every registered setting, by key."""
    return [_definitions[key] for key in sorted(_definitions)]


def definition(key: str) -> Definition[Any]:
    """:raises SettingUnknown: nothing is registered under the key"""
    try:
        return _definitions[key]
    except KeyError:
        raise SettingUnknown(setting=key) from None


def get(key: str) -> Any:
    """
    The value in force, of the type it was registered with, at most a second old. Where the key is known to the
    type checker, too, ``Definition.get`` says more.

    :raises SettingUnknown: nothing is registered under the key
    """
    return definition(key).get()


# What the table said, and when this process read it (by its monotonic clock).
_cached: tuple[float, Mapping[str, object]] | None = None


def _in_force() -> Mapping[str, object]:
    """The overriding values. Replaced as a whole, so that threads never see half of it."""
    global _cached  # noqa: PLW0603  one process, one cache
    cached = _cached
    if cached is not None and time.monotonic() - cached[0] < CACHE_SECONDS:
        return cached[1]
    asked_at = time.monotonic()
    values: dict[str, object] = {}
    for key, value, secret_value in Setting.objects.values_list("key", "value", "secret_value"):
        # A key that the code no longer knows, or a value that no longer fits, leaves the default in force.
        if known := _definitions.get(key):
            try:
                values[key] = known.read(secret_value if known.secret else value)
            except SettingInvalid:
                logger.error("The stored value of %s does not fit; its default is in force", key)
    _cached = (asked_at, values)
    return values


def forget_cached() -> None:
    """Have this process read the table again at once."""
    global _cached  # noqa: PLW0603  one process, one cache
    _cached = None


DONE_JOBS_KEPT_DAYS: Final = register(
    key="core.done_jobs_kept_days",
    value_type=int,
    default=14,
    minimum=1,
    maximum=365,
    help_text=_("How many days finished jobs stay in the list."),
)

EXPORTS_PER_HOUR: Final = register(
    key="core.exports_per_hour",
    value_type=int,
    default=20,
    minimum=1,
    maximum=1_000,
    help_text=_("How many exports one member of staff may make in an hour."),
)

EXPORTS_PER_DAY: Final = register(
    key="core.exports_per_day",
    value_type=int,
    default=100,
    minimum=1,
    maximum=10_000,
    help_text=_("How many exports one member of staff may make in a day."),
)

EXPORTS_AT_ONCE_ROWS: Final = register(
    key="core.exports_at_once_rows",
    value_type=int,
    default=2_000,
    minimum=0,
    maximum=20_000,
    help_text=_("Up to how many rows an export is written while one waits; a job writes longer ones."),
)

EXPORTS_KEPT_HOURS: Final = register(
    key="core.exports_kept_hours",
    value_type=int,
    default=24,
    minimum=1,
    maximum=720,
    help_text=_("How many hours the file of an export is kept."),
)
