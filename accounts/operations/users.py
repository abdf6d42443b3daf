"""What is done to people: they are registered, renamed, let in, kept out and forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import errors, events, locks, superadmins
from accounts.models import ApiKey, LoginToken, SecondFactor, Session, User
from accounts.operations import second_factors
from accounts.roles import ROLES
from audit.operations import records
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing, ValidationFailed

# Twins of a random referral code are rare; three in a row do not happen.
_ATTEMPTS = 3
_GREATEST_TELEGRAM_ID = 2**63 - 1


@operation
def get_or_create_from_telegram(
    *,
    telegram_id: int,
    username: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    language_code: str | None = None,
    is_premium: bool | None = None,
    referral_code: str | None = None,
    by: Actor,
) -> tuple[User, bool]:
    """
    The person behind a Telegram id, made when they are new; true when they are. What changed about them is updated.

    However many first messages arrive at once, one person is made; ``accounts_user_telegram_id_key`` sees to it.

    :param username: without ``@``; like the rest, None says nothing and an empty text says that there is none
    :param referral_code: of who brought them; heard only when the person is new, and bound for good
    :raises errors.ReferralCodeUnknown: the person is new and nobody active has this code
    :raises core.errors.ValidationFailed: a value is too long, or the id is not a Telegram user's
    """
    if not 0 < telegram_id <= _GREATEST_TELEGRAM_ID:
        raise ValidationFailed(fields={"telegram_id": [_("It must be a positive number of 64 bits.")]})
    told = _told(
        username=username,
        first_name=first_name,
        last_name=last_name,
        language_code=language_code,
        is_premium=is_premium,
    )
    user = User.objects.filter(telegram_id=telegram_id).first()
    if user is None:
        user, is_new = _made_once(telegram_id, told, _referrer(referral_code))
        if is_new:
            events.user_created(user.pk, by)
            return user, True
    return _changed(user, told), False


@operation
def update(
    *,
    user_id: UUID,
    by: Actor,
    username: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    language_code: str | None = None,
    is_premium: bool | None = None,
    timezone: str | None = None,
    reason: str = "",
) -> User:
    """
    Change what is known about a person. None leaves a value as it is.

    :param timezone: an IANA name (``Europe/Moscow``), or empty
    :raises errors.UserNotFound: there is no such person
    :raises errors.UserAnonymised: the person was forgotten
    :raises core.errors.ValidationFailed: a value is too long, or the time zone is not one
    """
    told = _told(
        username=username,
        first_name=first_name,
        last_name=last_name,
        language_code=language_code,
        is_premium=is_premium,
        timezone=timezone,
    )
    return _changed(_known(user_id), told)


@operation
def create_staff(
    *,
    login: str,
    password: str,
    role: str | None = None,
    first_name: str = "",
    last_name: str = "",
    by: Actor,
    reason: str = "",
) -> User:
    """
    Let somebody into the Admin.

    :param role: one of :data:`accounts.roles.ROLES`; without one they see nothing yet
    :raises errors.LoginTaken: somebody has this login
    :raises errors.PasswordTooWeak: the password is refused by the house's rules
    :raises errors.RoleUnknown: there is no such role
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises core.errors.ValidationFailed: the login or a name is not acceptable
    """
    superadmins.require(by)
    group = _group(role)
    user = User(login=login.strip(), first_name=first_name, last_name=last_name, is_staff=True)
    _check(user, "login", "first_name", "last_name")
    try:
        validate_password(password, user)
    except ValidationError as refused:
        raise errors.PasswordTooWeak(fields={"password": refused.messages}) from refused
    if User.objects.filter(login=user.login).exists():
        raise errors.LoginTaken
    user.set_password(password)
    # A racing twin of the login is refused by accounts_user_login_key, which means LoginTaken as well.
    user.save(force_insert=True)
    if group:
        user.groups.set([group])
    events.user_created(user.pk, by)
    records.record("accounts.staff.created", entity=user, by=by, reason=reason, role=role)
    return user


@operation
def set_login(*, user_id: UUID, login: str, by: Actor, reason: str) -> User:
    """
    Have a member of staff log in under another name from now on. Their sessions go on.

    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.UserNotFound: there is no such person
    :raises errors.NotStaff: the person does not work here
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.LoginTaken: somebody else has this login
    :raises core.errors.ValidationFailed: the login is not acceptable
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.require(by)
    user = locks.user(user_id)
    if not user.is_staff:
        raise errors.NotStaff
    had, user.login = user.login, login.strip()
    _check(user, "login")
    if user.login != had:
        if User.objects.filter(login=user.login).exists():
            raise errors.LoginTaken
        # A racing twin of the login is refused by accounts_user_login_key, which means LoginTaken as well.
        user.save(update_fields=["login", "updated_at"])
        records.record(
            "accounts.staff.login_set", entity=user, by=by, reason=reason, old={"login": had}, new={"login": user.login}
        )
    return user


@operation
def set_role(*, user_id: UUID, role: str | None, by: Actor, reason: str) -> User:
    """
    Give a member of staff a role instead of what they had, or none at all.

    :param role: one of :data:`accounts.roles.ROLES`, or None
    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.UserNotFound: there is no such person
    :raises errors.NotStaff: the person does not work here
    :raises errors.RoleUnknown: there is no such role
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.NotYourself: it is their own role
    :raises errors.LastSuperadmin: the person is the only superadmin
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.require(by)
    group = _group(role)
    superadmins.hold(user_id)
    user = locks.user(user_id)
    if not user.is_staff:
        raise errors.NotStaff
    had = sorted(user.groups.values_list("name", flat=True))
    wanted = [role] if role else []
    # Who is less than superadmin is less than what `createsuperuser` made, too.
    is_demoted = user.is_superuser and role != superadmins.ROLE
    if had != wanted or is_demoted:
        superadmins.require_somebody_else(user_id, by)
        if role != superadmins.ROLE:
            superadmins.require_another(user)
        if is_demoted:
            User.objects.filter(pk=user.pk).update(is_superuser=False)
            user.is_superuser = False
        user.groups.set([group] if group else [])
        records.record(
            "accounts.staff.role_set", entity=user, by=by, reason=reason, old={"roles": had}, new={"roles": wanted}
        )
    return user


@operation
def set_active(*, user_id: UUID, is_active: bool, by: Actor, reason: str) -> User:
    """
    Keep a person out, or let them in again. Their API keys stop working with them.

    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.UserNotFound: there is no such person
    :raises errors.UserAnonymised: the person was forgotten
    :raises errors.NotYourself: they would keep themselves out
    :raises errors.LastSuperadmin: the person is the only superadmin
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.hold(user_id)
    user = _known(user_id)
    if user.is_active != is_active:
        if not is_active:
            superadmins.require_somebody_else(user_id, by)
            superadmins.require_another(user)
        user.is_active = is_active
        user.save(update_fields=["is_active", "updated_at"])
        deed = "accounts.user.activated" if is_active else "accounts.user.deactivated"
        records.record(deed, entity=user, by=by, reason=reason)
    return user


@operation
def anonymise(*, user_id: UUID, by: Actor, reason: str) -> User:
    """
    Forget who a person is: names, Telegram id, login, rights and keys. What they paid and did stays, nameless.

    Forgetting again changes nothing. The audit log never held their names (its triggers mask them).

    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.UserNotFound: there is no such person
    :raises errors.NotYourself: one of the staff would forget themselves
    :raises errors.LastSuperadmin: the person is the only superadmin
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.hold(user_id)
    user = locks.user(user_id)
    if user.anonymised_at:
        return user
    if user.is_staff:
        superadmins.require_somebody_else(user_id, by)
        superadmins.require_another(user)
    for name in ("username", "first_name", "last_name", "language_code", "timezone"):
        setattr(user, name, "")
    user.telegram_id = None
    user.login = None
    user.is_active = user.is_staff = user.is_superuser = user.is_premium = False
    user.set_unusable_password()
    user.save()
    User.objects.filter(pk=user.pk).update(anonymised_at=CoreNow(), last_login=None)
    user.groups.clear()
    user.user_permissions.clear()
    if factor := SecondFactor.objects.filter(user=user).first():
        second_factors.forget(factor)
    ApiKey.objects.filter(owner=user, revoked_at=None).update(revoked_at=CoreNow())
    # Their sessions have ended with the password; where they were is forgotten with them.
    Session.objects.filter(user=user).update(ip="", user_agent="")
    LoginToken.objects.filter(user=user).update(ip="", user_agent="")
    records.record("accounts.user.anonymised", entity=user, by=by, reason=reason)
    return User.objects.get(pk=user.pk)


def _known(user_id: UUID) -> User:
    user = locks.user(user_id)
    if user.anonymised_at:
        raise errors.UserAnonymised
    return user


def _told(**values: str | bool | None) -> dict[str, str | bool]:
    """What was said at all, checked against the columns."""
    told = {name: value for name, value in values.items() if value is not None}
    _check(User(**told), *told)
    if (timezone := told.get("timezone")) and timezone not in available_timezones():
        raise ValidationFailed(fields={"timezone": [_("It is not a time zone's name, like Europe/Moscow.")]})
    return told


def _check(user: User, *names: str) -> None:
    """:raises core.errors.ValidationFailed: one of these values is not acceptable"""
    try:
        user.clean_fields(exclude={field.name for field in User._meta.get_fields()} - set(names))
        if "login" in names and not user.login:
            raise ValidationError({"login": User._meta.get_field("login").error_messages["blank"]})
    except ValidationError as refused:
        raise ValidationFailed(fields=refused.message_dict) from refused


def _referrer(code: str | None) -> UUID | None:
    if not code:
        return None
    referrer = User.objects.filter(referral_code=code.strip().upper(), is_active=True).values_list("pk", flat=True)
    if not (found := referrer.first()):
        raise errors.ReferralCodeUnknown
    return found


def _made_once(telegram_id: int, told: Mapping[str, str | bool], referrer_id: UUID | None) -> tuple[User, bool]:
    for _attempt in range(_ATTEMPTS):
        fresh = User(telegram_id=telegram_id, referred_by_id=referrer_id, **told)
        fresh.set_unusable_password()
        # INSERT … ON CONFLICT DO NOTHING: it waits for a racing twin, and then the twin is found.
        User.objects.bulk_create([fresh], ignore_conflicts=True)
        if user := User.objects.filter(telegram_id=telegram_id).first():
            return user, user.pk == fresh.pk
    raise RuntimeError(f"{_ATTEMPTS} random referral codes were taken")


def _changed(user: User, told: Mapping[str, str | bool]) -> User:
    changes = {name: value for name, value in told.items() if getattr(user, name) != value}
    if not changes:
        return user
    User.objects.filter(pk=user.pk).update(**changes, updated_at=Now())
    user.refresh_from_db()
    return user


def _group(role: str | None) -> Group | None:
    if role is None:
        return None
    if role not in ROLES:
        raise errors.RoleUnknown(fields={"role": [", ".join(ROLES)]})
    return Group.objects.get(name=role)
