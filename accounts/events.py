"""What happened to people, announced to the floors above. Announcements carry ids only."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from core.actors import Actor

UserCreated = Callable[[UUID, Actor], None]

_when_user_created: Final[list[UserCreated]] = []


def on_user_created(react: UserCreated) -> UserCreated:
    """
    Register what else a new person needs. Called from an app's ``ready()``; can be used as a decorator.

    It runs inside the transaction that makes the person, so that both exist or neither does.

    :param react: called with the new user's id and with who made them
    """
    if react not in _when_user_created:
        _when_user_created.append(react)
    return react


def user_created(user_id: UUID, by: Actor) -> None:
    """Announce a person who has just been made. Needs the transaction that made them."""
    for react in _when_user_created:
        react(user_id, by)
