"""Rows that one transaction at a time may change. Lock order in this app: user, API key, login token, session."""

from uuid import UUID

from accounts import errors
from accounts.models import ApiKey, LoginToken, Session, User


def user(user_id: UUID) -> User:
    """
    A person, locked until the transaction ends. Rows that only refer to the person can still be added.

    :raises errors.UserNotFound: there is no such person
    """
    row = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if row is None:
        raise errors.UserNotFound
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
