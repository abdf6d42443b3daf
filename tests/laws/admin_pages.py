"""Admin's pages, one row of each model that has one, and the deeds that its page offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.urls import reverse

from audit.models import AdminAlert
from audit.tests.factories import AdminAlertFactory
from core import runtime_settings
from core.models import Setting
from tests.laws.samples import SAMPLES

Model = type[models.Model]

PAGES: Final = sorted(admin.site._registry, key=lambda model: model._meta.label)

_numbers: Final = count(1)


def _setting() -> Setting:
    known = runtime_settings.definitions()
    definition = known[next(_numbers) % len(known)]
    row, _is_new = Setting.objects.get_or_create(
        key=definition.key, defaults={"value": definition.as_json(definition.default), "updated_by": "tests"}
    )
    return row


def _role() -> Group:
    group, _is_new = Group.objects.get_or_create(name=f"role {next(_numbers)}")
    return group


MAKERS: Final[Mapping[Model, Callable[[], models.Model]]] = {
    **SAMPLES,
    # As many as are asked for, each with a page.
    Setting: _setting,
    Group: _role,
    AdminAlert: AdminAlertFactory.create,
}


def name(model: Model) -> str:
    return model._meta.label


def deeds_of(model: Model, row: models.Model) -> Iterator[tuple[str, str]]:
    """Every deed, done to an object or to none, and its address."""
    page: Any = admin.site._registry[model]
    prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for each in page.actions_detail:
        yield each, reverse(f"{prefix}_{each}", args=[row.pk])
    for each in page.actions_list:
        yield each, reverse(f"{prefix}_{each}")


def as_stored(row: models.Model) -> dict[str, Any] | None:
    """A row as the database has it now; None where it is gone."""
    return type(row)._default_manager.filter(pk=row.pk).values().first()
