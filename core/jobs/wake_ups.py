"""Telling the broker that there is work. Wake-ups may be lost: the rows are the truth, the sweeper repeats."""

from __future__ import annotations

import logging
import time
from typing import Final
from uuid import UUID

from celery import current_app

logger = logging.getLogger(__name__)

# After a failure, this process leaves the broker alone for a moment: one request pays for the discovery that it
# is away, not each.
_PAUSE_SECONDS: Final = 5.0
_silent_until = 0.0


def send(job_id: UUID) -> None:
    """
    Send one wake-up.

    :raises Exception: whatever the broker's transport raises
    """
    current_app.send_task("core.run_job", args=[str(job_id)], retry=False, ignore_result=True)


def send_or_leave(job_id: UUID) -> None:
    """Send one wake-up, or leave it to the sweeper when the broker is away. Never raises."""
    global _silent_until  # noqa: PLW0603  the process's own knowledge of its broker
    if time.monotonic() < _silent_until:
        return
    try:
        send(job_id)
    except Exception:  # each transport raises its own kinds
        _silent_until = time.monotonic() + _PAUSE_SECONDS
        logger.warning("The broker is away; the sweeper will wake job %s", job_id, exc_info=True)
