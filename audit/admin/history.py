"""What happened to an object, beside the object: read from the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Model

from audit import queries
from audit.admin.wording import actor_in_words, changes_of, deed_in_words
from audit.models import AuditLog
from core.admin.display import change_url, list_url
from core.admin.history import Entry, register_history_reader


class AuditHistory:
    """The newest records of one object, with one query."""

    def latest(self, row: Model, limit: int) -> Sequence[Entry]:
        return [self._entry(record, row) for record in queries.list_history(row)[:limit]]

    def url(self, row: Model) -> str:
        return list_url(AuditLog, entity_type=row._meta.label_lower, entity_id=row.pk)

    def _entry(self, record: AuditLog, row: Model) -> Entry:
        # What a new row began with is on its page already.
        is_new = record.old_value is None and record.action.endswith(".created")
        return Entry(
            at=record.created_at,
            who=actor_in_words(record.actor),
            deed=deed_in_words(record.action),
            reason=str(record.metadata.get("reason", "")),
            changes=[] if is_new else changes_of(record, currency=str(getattr(row, "currency", ""))),
            url=change_url(record, record.pk),
        )


register_history_reader(AuditHistory())
