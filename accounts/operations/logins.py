"""The ways in: each proves who it is and opens a session."""

from __future__ import annotations

from django.contrib.auth.hashers import verify_password

from accounts import errors, locks
from accounts.models import Session, User
from accounts.operations import sessions
from accounts.operations.sessions import Tokens
from accounts.people import actor_of
from core.actors import Actor
from core.database import operation


@operation
def by_password(*, login: str, password: str, user_agent: str, by: Actor) -> Tokens:
    """
    Let in whoever knows a login and its password. An unknown login takes the time that a wrong password does.

    :param by: nobody is known yet, so the house itself
    :raises errors.LoginRefused: the login is unknown, the password wrong, or the person is kept out: they cannot be
        told apart
    """
    user = User.objects.filter(login=login).first()
    # Without a usable password the hasher runs all the same.
    is_right, _is_old = verify_password(password, user.password if user else "")
    if user is None or not is_right:
        raise errors.LoginRefused
    # Hashing takes long enough for the password to be changed, or its owner kept out, meanwhile.
    now = locks.user(user.pk)
    if not now.is_active or now.password != user.password:
        raise errors.LoginRefused
    return sessions.open(user_id=now.pk, way=Session.Way.PASSWORD, user_agent=user_agent, by=actor_of(now))
