"""Changing runtime settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.functional import Promise

from core import errors, runtime_settings
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.models.setting import Setting


@operation
def change(*, key: str, value: object, by: Actor, reason: str) -> Setting:
    """
    Override a setting's default, from the moment the transaction is committed.

    :param value: as JSON has it: a number, a boolean, a text, ``{"amount", "currency"}``
    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.SettingUnknown: the code has no such setting
    :raises core.errors.SettingInvalid: the value has the wrong type or is out of bounds
    """
    return change_many(values={key: value}, by=by, reason=reason)[0]


@operation
def change_many(*, values: Mapping[str, object], by: Actor, reason: str) -> list[Setting]:
    """
    Change several settings, all or none.

    :raises core.errors.SettingInvalid: invalid values, named together; for the others see :func:`change`
    """
    _needs(reason)
    # By key, so that two changes of the same settings never wait for each other in a circle.
    known = [runtime_settings.definition(key) for key in sorted(values)]
    misfits: dict[str, Sequence[str | Promise]] = {}
    changed: list[Setting] = []
    for definition in known:
        try:
            stored = definition.as_json(definition.read(values[definition.key]))
        except errors.SettingInvalid as misfit:
            misfits |= misfit.fields
            continue
        changed.append(
            Setting(
                key=definition.key,
                value=None if definition.secret else stored,
                secret_value=stored if definition.secret else None,
                updated_at=CoreNow(),
                updated_by=str(by)[:200],
            )
        )
    if misfits:
        raise errors.SettingInvalid(fields=misfits)
    Setting.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["value", "secret_value", "updated_at", "updated_by"],
    )
    transaction.on_commit(runtime_settings.forget_cached)
    return changed


@operation
def reset(*, key: str, by: Actor, reason: str) -> None:
    """
    Put a setting's default back in force. Nothing happens if it already is.

    :raises core.errors.ReasonMissing: no reason was given
    :raises core.errors.SettingUnknown: the code has no such setting
    """
    _needs(reason)
    runtime_settings.definition(key)
    Setting.objects.filter(key=key).delete()
    transaction.on_commit(runtime_settings.forget_cached)


def _needs(reason: str) -> None:
    if not reason.strip():
        raise errors.ReasonMissing
