"""Superadmins: who is one, and that there is always one left."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from accounts import errors, locks
from accounts.models import User
from core.actors import Actor

ROLE = "superadmin"

_ARE_SUPERADMINS = Q(is_superuser=True) | Q(groups__name=ROLE)


def is_one(user: User) -> bool:
    """Whether somebody has the role, by whichever way, and may come in."""
    if not (user.is_active and user.is_staff):
        return False
    return user.is_superuser or user.groups.filter(name=ROLE).exists()


def require(by: Actor) -> None:
    """
    Nobody makes themselves, or a friend, more than they are. The installation itself may.

    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    """
    if by.kind == "system":
        return
    person = User.objects.filter(pk=by.user_id or by.id).first() if by.kind in {"user", "shell"} else None
    if person is None or not is_one(person):
        raise errors.RoleNotYoursToGive


def require_somebody_else(user_id: UUID, by: Actor) -> None:
    """:raises errors.NotYourself: whoever acts is the one to whom it would be done"""
    if str(user_id) in {by.user_id, by.id}:
        raise errors.NotYourself


def hold(user_id: UUID) -> None:
    """
    Take the lock of the superadmins, if somebody is one of the staff. Before anybody's own lock, and before anything
    that might make one less.
    """
    if User.objects.filter(pk=user_id, is_staff=True).exists():
        locks.superadmins()


def require_another(user: User) -> None:
    """
    Needs :func:`hold`. The triggers ``…_has_a_superadmin_left`` hold it against raw SQL as well.

    :raises errors.LastSuperadmin: somebody is the only one left
    """
    if not is_one(user):
        return
    others = User.objects.filter(_ARE_SUPERADMINS, is_active=True, is_staff=True).exclude(pk=user.pk)
    if not others.exists():
        raise errors.LastSuperadmin
