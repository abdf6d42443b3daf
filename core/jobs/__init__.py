"""
Work that happens after its cause is committed.

``enqueue("billing.expire_holds", key=..., **ids)`` inserts a row in the caller's transaction; handlers are
registered with ``@job`` and ``@periodic`` in each app's ``tasks.py``. The rows are the truth: state, attempts,
lease, dedupe key. Celery only wakes the workers, and the sweeper repeats what was lost.
"""

from core.jobs.queue import enqueue
from core.jobs.registry import (
    DeadLetter,
    Decision,
    Postponed,
    UnknownJob,
    job,
    on_dead_letter,
    on_decision,
    periodic,
)

__all__ = [
    "DeadLetter",
    "Decision",
    "Postponed",
    "UnknownJob",
    "enqueue",
    "job",
    "on_dead_letter",
    "on_decision",
    "periodic",
]
