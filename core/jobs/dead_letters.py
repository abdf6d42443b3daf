"""Telling whoever listens that a job has died."""

from __future__ import annotations

import logging
from typing import Final

from django.db import transaction

from core.actors import Actor
from core.jobs import registry
from core.jobs.registry import DeadLetter

logger = logging.getLogger(__name__)

_SWEEPER: Final = Actor(kind="job", id="core.tick", label="core.tick")


def announce(letter: DeadLetter) -> None:
    """
    Call every listener, inside the transaction in which the job dies. One that fails is logged: it keeps neither
    the others from hearing nor the job from dying.
    """
    logger.error("Job %s %s is dead after %s attempts", letter.name, letter.job_id, letter.attempts)
    for listener in registry.listeners_of_dead_letters():
        try:
            with transaction.atomic():
                listener(letter, by=_SWEEPER)
        except Exception:  # a listener's defect is not the job's
            logger.exception("A listener failed on the death of job %s", letter.job_id)
