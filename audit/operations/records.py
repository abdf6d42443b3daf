"""
Deeds: what somebody did and why, in words that a table's columns cannot say.

``records.record("billing.refund.issued", entity=refund, by=by, reason=reason, amount=amount)`` reads as the
sentence that it is. What changed in the rows is written by their triggers; a deed does not repeat it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from audit.models import AuditLog
from core.actors import Actor, circumstances
from core.database import operation

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

Values = Mapping[str, object]


@operation
def record(
    action: str,
    *,
    entity: models.Model | tuple[str, str],
    by: Actor,
    reason: str = "",
    old: Values | None = None,
    new: Values | None = None,
    **facts: object,
) -> AuditLog:
    """
    Write a deed into the audit log, in the caller's transaction: both last or neither does.

    :param action: what was done, in the past: ``billing.refund.issued``
    :param entity: to what: an object, or its type and id as text (``("billing.refund", "018f…")``)
    :param reason: why, in the actor's words; by default the reason under which the whole request runs
    :param old: values before, where the rows' own records do not show them
    :param new: values after
    :param facts: the deed's own facts, kept beside its circumstances
    """
    if not _ACTION.fullmatch(action):
        raise ValueError(f"{action!r} is not the name of a deed")
    around = circumstances()
    entity_type, entity_id = _reference(entity)
    told = {
        "door": around.door,
        "request_id": around.request_id,
        "ip": around.ip,
        "reason": reason or around.reason,
    }
    return AuditLog.objects.create(
        user_id=_person(by),
        actor={"kind": by.kind, "id": by.id, "label": by.label},
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        old_value=_plain(old),
        new_value=_plain(new),
        metadata={**(_plain(facts) or {}), **{name: value for name, value in told.items() if value}},
    )


def _reference(entity: models.Model | tuple[str, str]) -> tuple[str, str]:
    if isinstance(entity, models.Model):
        return entity._meta.label_lower, str(entity.pk)
    return entity


def _person(by: Actor) -> UUID | None:
    named = by.user_id or (by.id if by.kind in {"user", "shell"} else "")
    try:
        return UUID(named)
    except ValueError:
        return None


class _PlainValues(DjangoJSONEncoder):
    def default(self, o: object) -> object:
        if is_dataclass(o) and not isinstance(o, type):
            return asdict(o)
        return super().default(o)


def _plain(values: Values | None) -> dict[str, object] | None:
    """Values as JSON can keep them: ids, moments, money."""
    if values is None:
        return None
    plain: dict[str, object] = json.loads(json.dumps(values, cls=_PlainValues))
    return plain
