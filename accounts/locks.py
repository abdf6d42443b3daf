"""
Rows that one transaction at a time may change. Lock order in this app: superadmins, user, second factor, API key, login
token, session.
"""

from uuid import UUID

from django.db import connection

from accounts import errors
from accounts.models import ApiKey, LoginToken, SecondFactor, Session, User


def superadmins() -> None:
    """Nobody else makes the superadmins fewer until the transaction ends. The triggers take the same lock, late."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_lock_superadmins()")


def user(user_id: UUID) -> User:
    """
    A person, locked until the transaction ends. Rows that only refer to the person can still be added.

    :raises errors.UserNotFound: there is no such person
    """
    row = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if row is None:
        raise errors.UserNotFound
    return row


def second_factor(user_id: UUID) -> SecondFactor:
    """
    A person's second factor, locked until the transaction ends; with it, all of its backup codes.

    :raises errors.NoSecondFactor: the person has none
    """
    row = SecondFactor.objects.select_for_update(no_key=True).filter(user=user_id).first()
    if row is None:
        raise errors.NoSecondFactor
    return row


def api_key(key_id: UUID) -> ApiKey:
    """
    An API key, locked until the transaction ends.

    :raises errors.ApiKeyNotFound: there is no such key
    """
    row = ApiKey.objects.select_for_update(no_key=True).filter(pk=key_id).first()
    if row is None:
        raise errors.ApiKeyNotFound
    return row


def login_token(digest: bytes) -> LoginToken:
    """
    A login token, locked until the transaction ends.

    :param digest: the SHA-256 of the token
    :raises errors.LoginTokenNotFound: there is no such token
    """
    row = LoginToken.objects.select_for_update(no_key=True).filter(digest=digest).first()
    if row is None:
        raise errors.LoginTokenNotFound
    return row


def session(session_id: UUID) -> Session:
    """
    A session, locked until the transaction ends; with it, all of its refresh tokens.

    :raises errors.SessionNotFound: there is no such session
    """
    row = Session.objects.select_for_update(no_key=True).filter(pk=session_id).first()
    if row is None:
        raise errors.SessionNotFound
    return row
