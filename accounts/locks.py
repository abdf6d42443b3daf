"""Rows that one transaction at a time may change. Lock order in this app: user, then API key."""

from uuid import UUID

from accounts import errors
from accounts.models import ApiKey, User


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
