"""Who comes into Admin and goes again: its sessions are Django's, and leave no row that tells of it."""

from __future__ import annotations

from typing import Literal

from accounts.models import User
from audit.operations import records
from core.actors import Actor
from core.database import operation

# What was shown last: the password where it is enough.
Way = Literal["password", "code", "backup_code", "enrolment"]


@operation
def begin(*, user: User, way: Way, by: Actor) -> None:
    """
    Write down that somebody comes into Admin, from the circumstances' address. Before the session begins, so that
    nobody comes in unwritten.

    :param way: what they showed last
    """
    records.record("accounts.admin.logged_in", entity=user, by=by, way=way)


@operation
def end(*, user: User, by: Actor) -> None:
    """Write down that somebody logs out of Admin. Sessions that are over by themselves are not told of."""
    records.record("accounts.admin.logged_out", entity=user, by=by)
