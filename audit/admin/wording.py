"""How people read the audit log: what was done, to what, and each value before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from audit.models import AuditLog
from core.admin.display import Text, number
from core.admin.history import Change
from core.money import EXPONENTS, Money

_ROWS: Final[Mapping[str, Text]] = {
    "created": _("Created"),
    "updated": _("Changed"),
    "deleted": _("Deleted"),
}

# This floor's own, and those below.
_deeds: Final[dict[str, Text]] = {
    "audit.alert.acknowledged": _("Acknowledged"),
    "audit.alert.resolved": _("Resolved"),
    "core.export.downloaded": _("Downloaded"),
    "core.export.made": _("Exported"),
    "core.job.given_up": _("Given up"),
    "core.job.run_again": _("Queued again"),
}


def register_deeds(words: Mapping[str, Text]) -> None:
    """Say in words what an app's deeds are: ``{"billing.wallet.frozen": _("Frozen")}``."""
    _deeds.update(words)


# What deeds, alerts and entries of the system log know besides, likewise.
_facts: Final[dict[str, Text]] = {
    "attempts": _("attempts"),
    "by": _("who"),
    "chain": _("chain"),
    "door": _("door"),
    "export": _("export"),
    "filters": _("filters"),
    "format": _("format"),
    "ip": _("address"),
    "job": _("job"),
    "job_name": _("name"),
    "key": _("key"),
    "limit": _("limit"),
    "name": _("name"),
    "request_id": _("request"),
    "row": _("row"),
    "rows": _("rows"),
    "seal": _("seal"),
    "store": _("where it is counted"),
    "transactions": _("transactions"),
}


def register_facts(words: Mapping[str, Text]) -> None:
    """Say in words what the facts of an app's deeds and alerts are: ``{"provider": _("provider")}``."""
    _facts.update(words)


def fact_in_words(name: str) -> str:
    """What a fact is called. One that nobody put into words is called by its name in code."""
    return str(_facts.get(name, name))


def deed_in_words(action: str) -> str:
    """What was done. A deed that nobody put into words is called by its code."""
    if said := _deeds.get(action):
        return str(said)
    return str(_ROWS.get(action.rpartition(".")[2], action))


def actor_in_words(actor: Mapping[str, object]) -> str:
    """Who did it, as people call them. Empty where nobody is named."""
    # Its label is the same word in English, for those who read the log without us.
    return str(_("system")) if actor.get("label") == actor.get("kind") == "system" else str(actor.get("label") or "")


def model_of(entity_type: str) -> type[models.Model] | None:
    """The model whose rows an entity type names, if it names one."""
    try:
        return apps.get_model(entity_type)
    except (LookupError, ValueError):
        return None


def entity_in_words(entity_type: str) -> str:
    """What kind of thing it is."""
    model = model_of(entity_type)
    return capfirst(str(model._meta.verbose_name)) if model else entity_type


def changes_of(record: AuditLog, *, currency: str = "") -> Sequence[Change]:
    """
    What a record says was changed, value by value, in the order of the model's fields.

    :param currency: of the thing's amounts, where the record itself does not tell
    """
    old, new = _named(record.old_value), _named(record.new_value)
    model = model_of(record.entity_type)
    order = [field.attname for field in model._meta.concrete_fields] if model else []
    names = sorted(old.keys() | new.keys(), key=lambda name: (order.index(name) if name in order else len(order), name))
    return [
        Change(
            name=field_in_words(model, name),
            old=value_in_words(model, name, old.get(name), currency=str(old.get("currency") or currency)),
            new=value_in_words(model, name, new.get(name), currency=str(new.get("currency") or currency)),
        )
        for name in names
    ]


def needs_currency(record: AuditLog) -> bool:
    """Whether a record holds amounts without saying of which currency."""
    model = model_of(record.entity_type)
    old, new = _named(record.old_value), _named(record.new_value)
    if model is None or "currency" in old or "currency" in new:
        return False
    return any(_is_amount(model, name) for name in old.keys() | new.keys())


def field_in_words(model: type[models.Model] | None, name: str) -> str:
    """What a column is called."""
    field = _field(model, name)
    return str(field.verbose_name) if field else fact_in_words(name)


def value_in_words(model: type[models.Model] | None, name: str, value: object, *, currency: str = "") -> str:
    """A value as JSON keeps it, as people read it. Empty for none."""
    field = _field(model, name)
    match value:
        case None | "":
            words = ""
        case bool():
            words = str(_("yes") if value else _("no"))
        case int():
            # A column of minor units, ``price`` or ``discount_amount``, stands beside a property: ``price_money``.
            known = _is_amount(model, name) and currency in EXPONENTS
            words = str(Money(value, currency)) if known else number(value)
        case str():
            words = _text(field, value)
        case [*items] if all(isinstance(each, str | int) for each in items):
            words = ", ".join(map(str, items))
        case {"amount": int(amount), "currency": str(named), **rest} if not rest and named in EXPONENTS:
            words = str(Money(amount, named))
        case _:
            words = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return words


def _text(field: models.Field[Any, Any] | None, value: str) -> str:
    if isinstance(field, models.DateTimeField) and (at := parse_datetime(value)):
        return date_format(timezone.localtime(at) if timezone.is_aware(at) else at, "DATETIME_FORMAT")
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    return value


def _field(model: type[models.Model] | None, name: str) -> models.Field[Any, Any] | None:
    if model is None:
        return None
    return next((field for field in model._meta.concrete_fields if name in {field.name, field.attname}), None)


def _is_amount(model: type[models.Model] | None, name: str) -> bool:
    return model is not None and hasattr(model, f"{name.removesuffix('_amount')}_money")


def _named(values: object) -> Mapping[str, object]:
    return values if isinstance(values, dict) else {}
