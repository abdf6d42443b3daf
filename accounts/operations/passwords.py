"""Passwords: people change their own."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.hashers import verify_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts import errors, locks
from accounts.models import User
from audit.operations import records
from core.actors import Actor
from core.database import operation


@operation
def change(*, user_id: UUID, old: str, new: str, by: Actor) -> User:
    """
    Replace a person's password. All of their sessions end, this one too (``accounts_user_locked_out_has_no_session``).

    :param old: the present one, which whoever found a device unlocked does not know
    :raises errors.UserNotFound: there is no such person
    :raises errors.PasswordWrong: the present password is another one, or there is none
    :raises errors.PasswordTooWeak: the new one is refused by the house's rules
    """
    user = locks.user(user_id)
    is_right, _is_old = verify_password(old, user.password)
    if not is_right:
        raise errors.PasswordWrong
    try:
        validate_password(new, user)
    except ValidationError as refused:
        raise errors.PasswordTooWeak(fields={"new": refused.messages}) from refused
    user.set_password(new)
    user.save(update_fields=["password", "updated_at"])
    records.record("accounts.password.changed", entity=user, by=by)
    return user
