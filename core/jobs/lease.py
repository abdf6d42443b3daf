"""Holding a lease while a handler runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

_RENEW = """
    UPDATE core_job SET lease_expires_at = core_now() + make_interval(secs => lease_seconds)
    WHERE id = %s::uuid AND state = 'running' AND lease_token = %s::uuid
"""


def renew(job_id: UUID, token: UUID) -> bool:
    """Prolong a lease. False: it has been lost, and somebody else may be at the job."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [job_id, token])
        renewed: int = cursor.rowcount
    return renewed == 1


@contextmanager
def kept(job_id: UUID, token: UUID, seconds: int) -> Iterator[None]:
    """
    Renew a lease for as long as the block runs, so that leases are short and handlers may be long.

    A thread does it, over a connection of its own that it opens only when the first third of the lease has
    passed. It dies with its process, and the lease with it.
    """
    stop = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(job_id, token, seconds / 3, stop), name=f"lease of {job_id}", daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep(job_id: UUID, token: UUID, pause: float, stop: threading.Event) -> None:
    try:
        while not stop.wait(pause):
            try:
                if not renew(job_id, token):
                    logger.warning("The lease of job %s was lost while it ran", job_id)
                    return
            except DatabaseError:
                # Two more tries fit into the lease.
                logger.warning("The lease of job %s could not be renewed", job_id, exc_info=True)
                connection.close()
    finally:
        connection.close()
