"""The people who work here: they are hired, changed and dismissed."""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

from accounts import errors, locks, superadmins
from accounts.models import ApiKey, SecondFactor, User
from accounts.operations import second_factors, users
from audit.operations import records
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing

_PASSWORD_BYTES: Final = 15


@operation
def hire(
    *,
    login: str,
    role: str | None = None,
    first_name: str = "",
    is_active: bool = True,
    password: str | None = None,
    by: Actor,
    reason: str,
) -> tuple[User, str | None]:
    """
    Let somebody into the Admin; see :func:`accounts.operations.users.create_staff`.

    :param password: None to have one made, which nobody can guess
    :return: the person, and the password that was made, which nobody can see again
    :raises errors.LoginTaken: somebody has this login
    :raises errors.PasswordTooWeak: the password is refused by the house's rules
    :raises errors.RoleUnknown: there is no such role
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises core.errors.ReasonMissing: the person is kept out at once, and no reason is given
    :raises core.errors.ValidationFailed: the login or the name is not acceptable
    """
    made = _new_password() if password is None else None
    user = users.create_staff(
        login=login, password=password or made or "", role=role, first_name=first_name, by=by, reason=reason
    )
    if not is_active:
        user = users.set_active(user_id=user.pk, is_active=False, by=by, reason=reason)
    return user, made


@operation
def change(
    *,
    user_id: UUID,
    login: str | None = None,
    first_name: str | None = None,
    role: str | None = None,
    is_active: bool | None = None,
    by: Actor,
    reason: str,
) -> User:
    """
    Change a colleague's login, name, role or being kept out, all of it or nothing. None leaves a value as it is.

    :param role: one of :data:`accounts.roles.ROLES`; empty for none at all
    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.UserNotFound: nobody among the staff has this id
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.RoleUnknown: there is no such role
    :raises errors.NotYourself: their own role, or keeping themselves out
    :raises errors.LastSuperadmin: the person is the only superadmin
    :raises errors.LoginTaken: somebody else has this login
    :raises core.errors.ValidationFailed: the login or the name is not acceptable
    """
    superadmins.require(by)
    superadmins.hold(user_id)
    if not locks.user(user_id).is_staff:
        raise errors.UserNotFound
    if login is not None:
        users.set_login(user_id=user_id, login=login, by=by, reason=reason)
    if first_name is not None:
        users.update(user_id=user_id, first_name=first_name, by=by, reason=reason)
    if role is not None:
        users.set_role(user_id=user_id, role=role or None, by=by, reason=reason)
    if is_active is not None:
        users.set_active(user_id=user_id, is_active=is_active, by=by, reason=reason)
    return User.objects.get(pk=user_id)


@operation
def renew_password(*, user_id: UUID, by: Actor, reason: str) -> tuple[User, str]:
    """
    Give a colleague who has forgotten their password a new one, which nobody can guess. All of their sessions end
    (``accounts_user_locked_out_has_no_session``); their second factor stays.

    :return: the person, and the password, which nobody can see again
    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.NotYourself: it is their own, which they change by the present one
    :raises errors.UserNotFound: nobody among the staff has this id
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.require(by)
    superadmins.require_somebody_else(user_id, by)
    user = locks.user(user_id)
    if not user.is_staff:
        raise errors.UserNotFound
    made = _new_password()
    user.set_password(made)
    user.save(update_fields=["password", "updated_at"])
    records.record("accounts.staff.password_renewed", entity=user, by=by, reason=reason)
    return user, made


@operation
def dismiss(*, user_id: UUID, by: Actor, reason: str) -> User:
    """
    Have somebody no longer work here: their login, password, role, second factor and API keys end, and their sessions
    with them. The person stays, with what they did; as a customer they may come as before.

    :raises errors.UserNotFound: nobody among the staff has this id
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.NotYourself: they would dismiss themselves
    :raises errors.LastSuperadmin: the person is the only superadmin
    """
    superadmins.require(by)
    superadmins.hold(user_id)
    user = locks.user(user_id)
    if not user.is_staff:
        raise errors.UserNotFound
    superadmins.require_somebody_else(user_id, by)
    superadmins.require_another(user)
    had = sorted(user.groups.values_list("name", flat=True))
    if factor := SecondFactor.objects.filter(user=user).first():
        second_factors.forget(factor)
    login, user.login = user.login, None
    user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save(update_fields=["login", "is_staff", "is_superuser", "password", "updated_at"])
    user.groups.clear()
    user.user_permissions.clear()
    ApiKey.objects.filter(owner=user, revoked_at=None).update(revoked_at=CoreNow())
    records.record(
        "accounts.staff.dismissed", entity=user, by=by, reason=reason, old={"login": login, "roles": had}, new={}
    )
    return user


def _new_password() -> str:
    return secrets.token_urlsafe(_PASSWORD_BYTES)
