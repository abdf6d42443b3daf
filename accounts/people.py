"""People as actors."""

from accounts.models import User
from core.actors import Actor


def actor_of(user: User) -> Actor:
    """
    A person who acts for themselves. Staff are called by their login; customers by their id, since who somebody is
    stays out of a history that cannot be edited.
    """
    key = str(user.pk)
    return Actor(kind="user", id=key, label=user.login or key, user_id=key)
