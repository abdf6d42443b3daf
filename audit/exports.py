"""The audit log as a file."""

from __future__ import annotations

import json
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from core.exports import Column, register


def _values(values: dict[str, Any] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


AUDIT: Final = register(
    name="audit",
    title=_("Audit log"),
    columns=(
        Column(_("row"), lambda row: row.pk),
        Column(_("when"), lambda row: row.created_at),
        Column(_("who"), lambda row: str(row.actor.get("label", ""))),
        Column(_("kind"), lambda row: str(row.actor.get("kind", ""))),
        Column(_("person"), lambda row: str(row.user_id) if row.user_id else None),
        Column(_("action"), lambda row: row.action),
        Column(_("entity"), lambda row: row.entity_type),
        Column(_("entity's id"), lambda row: row.entity_id),
        Column(_("reason"), lambda row: str(row.metadata.get("reason", ""))),
        Column(_("old value"), lambda row: _values(row.old_value)),
        Column(_("new value"), lambda row: _values(row.new_value)),
        Column(_("circumstances"), lambda row: _values(row.metadata)),
    ),
)
