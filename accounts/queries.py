"""Questions about people, keys and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import verify_password
from django.contrib.auth.models import Permission
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from accounts import errors
from accounts.models import ApiKey, BackupCode, LoginToken, SecondFactor, Session, User
from accounts.rules import login_tokens
from accounts.runtime_settings import API_KEY_REQUESTS_PER_MINUTE
from core import clock
from core.client_address import network_of
from core.clock import CoreNow
from core.models import Setting

_MINUTE = timedelta(minutes=1)
_PER_MINUTE = Setting.objects.filter(key=API_KEY_REQUESTS_PER_MINUTE.key).values("value")
# Of one person's browsers at one time, so many are looked at.
_DEVICES = 200


def get_user(user_id: UUID) -> User:
    """:raises errors.UserNotFound: there is no such person"""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise errors.UserNotFound
    return user


def get_user_by_telegram_id(telegram_id: int) -> User:
    """:raises errors.UserNotFound: nobody with this Telegram id was seen"""
    user = User.objects.filter(telegram_id=telegram_id).first()
    if user is None:
        raise errors.UserNotFound
    return user


def get_staff(login: str) -> User:
    """
    Somebody who works here.

    :raises errors.UserNotFound: nobody active has this login
    """
    user = User.objects.filter(login=login, is_staff=True, is_active=True).first()
    if user is None:
        raise errors.UserNotFound
    return user


def find_by_password(*, login: str, password: str) -> User | None:
    """
    Whoever has this login and this password, and is not kept out. An unknown login takes the time that a wrong password
    does.
    """
    user = User.objects.filter(login=login).first()
    # Without a usable password the hasher runs all the same.
    is_right, _is_old = verify_password(password, user.password if user else "")
    return user if user and is_right and user.is_active else None


def list_staff() -> QuerySet[User]:
    """Everybody who works here, kept out or not, newest first."""
    return (
        User.objects.filter(is_staff=True)
        .select_related("second_factor")
        .prefetch_related("groups")
        .order_by("-created_at", "-id")
    )


def get_colleague(user_id: UUID) -> User:
    """
    Somebody who works here, kept out or not.

    :raises errors.UserNotFound: nobody among the staff has this id
    """
    user = list_staff().filter(pk=user_id).first()
    if user is None:
        raise errors.UserNotFound
    return user


def find_factor_since(user_id: UUID) -> datetime | None:
    """Since when a person has the second factor that they have; None where they have none."""
    return SecondFactor.objects.filter(user=user_id).values_list("confirmed_at", flat=True).first()


def count_backup_codes(user_id: UUID) -> int:
    """How many of a person's backup codes are left."""
    return BackupCode.objects.filter(factor__user=user_id, used_at=None).count()


def find_user(text: str) -> User | None:
    """
    The one person that a text means: their id, Telegram id, login, referral code, or ``@username`` if one has it.

    :param text: as support pastes it
    """
    text = text.strip().removeprefix("@")
    named = Q(login=text) | Q(referral_code=text.upper()) | _by_number(text)
    if found := User.objects.filter(named).first():
        return found
    # Two are enough to know that the name does not mean one person.
    called_so = list(User.objects.filter(username__iexact=text)[:2]) if text else []
    return called_so[0] if len(called_so) == 1 else None


def list_users(*, search: str = "") -> QuerySet[User]:
    """
    People, newest first.

    :param search: an id or Telegram id, or the beginning of a username (any letter case) or login
    """
    users = User.objects.order_by("-created_at", "-id")
    text = search.strip().removeprefix("@")
    if not text:
        return users
    return users.filter(Q(username__istartswith=text) | Q(login__startswith=text) | _by_number(text))


def _by_number(text: str) -> Q:
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return Q(telegram_id=int(text))
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class KeyInForce:
    """
    A key that is neither revoked nor expired, and whose owner is not kept out.

    :param expires_in: until then; None for keys without an end
    :param requests_per_minute: the runtime setting
    :param is_use_known: whether ``last_used_at`` is less than a minute old
    """

    id: UUID
    name: str
    secret_hash: bytes
    scopes: frozenset[str]
    allowed_networks: tuple[str, ...]
    owner_id: UUID | None
    expires_in: timedelta | None
    requests_per_minute: int
    is_use_known: bool


def find_key_in_force(prefix: str) -> KeyInForce | None:
    """The key with this prefix, if it works at all, by the database's clock. One query."""
    row = (
        ApiKey.objects.filter(prefix=prefix, revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=CoreNow()))
        .filter(Q(owner=None) | Q(owner__is_active=True))
        # Read with the key, so that the limit costs no statement of its own.
        .annotate(now=CoreNow(), per_minute=Subquery(_PER_MINUTE))
        .first()
    )
    if row is None:
        return None
    now: datetime = row.now
    return KeyInForce(
        id=row.pk,
        name=row.name,
        secret_hash=bytes(row.secret_hash),
        scopes=frozenset(row.scopes),
        allowed_networks=tuple(row.allowed_networks),
        owner_id=row.owner_id,
        expires_in=row.expires_at - now if row.expires_at else None,
        requests_per_minute=API_KEY_REQUESTS_PER_MINUTE.stored_or_default(row.per_minute),
        is_use_known=row.last_used_at is not None and row.last_used_at > now - _MINUTE,
    )


def get_login_token(token: str) -> LoginToken:
    """
    A login that waits to be confirmed: a bot shows its browser and address, and asks, before it confirms. Nothing is
    changed by looking.

    :raises errors.LoginTokenNotFound: the token is unknown or expired
    :raises errors.LoginTokenUsed: the browser is in already
    """
    row = LoginToken.objects.filter(digest=login_tokens.digest(token)).first()
    if row is None or row.expires_at <= clock.now():
        raise errors.LoginTokenNotFound
    if row.used_at:
        raise errors.LoginTokenUsed
    return row


@dataclass(frozen=True, slots=True)
class LivingSession:
    """
    A session that is neither revoked nor over, of somebody who is not kept out.

    :param now: the moment, by the database's clock
    :param verified_at: when a second factor was last shown in it
    :param factor_since: since when its owner has the second factor that they have
    """

    user: User
    now: datetime
    verified_at: datetime | None
    factor_since: datetime | None


def find_living_session(session_id: UUID) -> LivingSession | None:
    """The session, if it lives. One query."""
    living = _living().filter(pk=session_id, user__is_active=True).select_related("user")
    row = living.annotate(now=CoreNow(), factor_since=F("user__second_factor__confirmed_at")).first()
    return LivingSession(row.user, row.now, row.verified_at, row.factor_since) if row else None


def list_sessions(user_id: UUID) -> QuerySet[Session]:
    """A person's sessions that live, newest first."""
    return _living().filter(user=user_id).order_by("-created_at", "-id")


def has_been_seen(*, login: str, ip: str, user_agent: str) -> bool:
    """
    Whether somebody has logged in so from this browser and address, or this /64 of IPv6, within the last 90 days.
    """
    seen = Session.objects.filter(
        user__login=login, user_agent=user_agent, way=Session.Way.PASSWORD, expires_at__gt=CoreNow()
    )
    here = network_of(ip)
    return any(
        network_of(each) == here for each in seen.order_by("-created_at").values_list("ip", flat=True)[:_DEVICES]
    )


def has_permission(user_id: UUID, permission: str) -> bool:
    """
    Whether somebody active has a permission now, by a role, by themselves, or as a superuser. One query.

    :param permission: ``app.codename``
    """
    app, _dot, codename = permission.partition(".")
    wanted = Permission.objects.filter(content_type__app_label=app, codename=codename)
    by_role = wanted.filter(group__user=OuterRef("pk"))
    by_themselves = wanted.filter(user=OuterRef("pk"))
    person = User.objects.filter(pk=user_id, is_active=True)
    return person.filter(Q(is_superuser=True) | Exists(by_role) | Exists(by_themselves)).exists()


def list_permissions(user: User) -> list[str]:
    """What a person may do, by their roles and beyond: ``app.codename``."""
    return sorted(user.get_all_permissions())


def _living() -> QuerySet[Session]:
    return Session.objects.filter(revoked_at=None, expires_at__gt=CoreNow())
