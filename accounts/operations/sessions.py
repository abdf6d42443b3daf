"""Sessions: they are opened, refreshed and revoked."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext_noop

from accounts import errors, locks
from accounts.keyring import keyring
from accounts.models import RefreshToken, Session, User
from accounts.models.session import LIFETIME, REFRESH_LIFETIME
from accounts.operations import second_factors
from accounts.people import actor_of
from accounts.rules import access_tokens, clients, refresh_tokens
from audit.operations import alerts, records
from core import clock
from core.actors import Actor, circumstances
from core.clock import CoreNow
from core.database import operation
from core.ids import uuid7

# For so long, a used token from the same client means that the answer got lost on its way.
LOST_ANSWER: Final = timedelta(seconds=10)
PURGE_BATCH: Final = 5000
# So many devices nobody has; whoever opens more loses the oldest.
MOST_SESSIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    What a person gets for proving who they are. Neither token can be seen again.

    :param expires_in: the access token's, in seconds
    """

    session: Session
    access: str
    refresh: str
    expires_in: int


@operation
def open(  # noqa: A001  # sessions.open reads well
    *, user_id: UUID, way: Session.Way, user_agent: str, is_verified: bool = False, by: Actor
) -> Tokens:
    """
    Log a person in on one device, whose address is the circumstances'. Whoever calls has proved who it is.

    :param user_agent: what the browser calls itself; cut where it is long
    :param is_verified: whether the person has shown a second factor, too
    :raises errors.UserNotFound: there is no such person
    :raises errors.UserKeptOut: the person may not come in
    """
    user = locks.user(user_id)
    if not user.is_active:
        raise errors.UserKeptOut
    now = clock.now()
    _make_room(user)
    session = Session.objects.create(
        user=user,
        way=way,
        user_agent=clients.name(user_agent),
        ip=circumstances().ip,
        expires_at=now + LIFETIME,
        verified_at=now if is_verified else None,
    )
    shown = refresh_tokens.new()
    _keep(uuid7(), shown, session, now)
    return _tokens(session, shown, now)


@operation
def refresh(*, shown: str, user_agent: str, by: Actor) -> Tokens | None:
    """
    Exchange a refresh token for its successor and a new access token.

    However many show the same token at once, it has one successor: the session's lock makes them take turns, and
    ``accounts_refreshtoken_is_current_once_per_session`` would refuse a second one. A used token from the same client
    within ten seconds gets the same successor again.

    :param shown: the token in clear
    :return: None when a used token came again otherwise: two have it, one of them stole it. The session is revoked,
        and the operators are told; that must last, so it is no exception
    :raises errors.RefreshTokenInvalid: it is malformed, unknown or expired, or its session is over
    """
    if not refresh_tokens.is_one(shown):
        raise errors.RefreshTokenInvalid
    digest = refresh_tokens.digest(shown)
    found = RefreshToken.objects.filter(digest=digest).values_list("session_id", flat=True).first()
    if found is None:
        raise errors.RefreshTokenInvalid
    session = locks.session(found)
    token = RefreshToken.objects.select_related("successor").get(digest=digest)
    now = clock.now()
    if session.revoked_at or session.expires_at <= now or token.expires_at <= now:
        raise errors.RefreshTokenInvalid
    client = clients.digest(ip=circumstances().ip, user_agent=clients.name(user_agent))
    if token.used_at is None:
        return _succeed(token, session, shown, client, now)
    if token.used_at > now - LOST_ANSWER and hmac.compare_digest(bytes(token.used_by or b""), client):
        again = _successor_of(token, shown)
        if again:
            return _tokens(session, again, now)
    _tell_of_reuse(token, session)
    return None


@operation
def verify(*, session_id: UUID, user_id: UUID, code: str, by: Actor) -> bool:
    """
    Show a second factor in a session: staff have their rights in it from now on, and grave deeds ask no more for now.

    :param user_id: whose session it must be
    :param code: of the phone, or a backup code
    :return: whether it was right. That it was not is remembered, so it is no exception
    :raises errors.NoSecondFactor: the person has none
    :raises errors.SessionNotFound: the person has no such session
    """
    if not second_factors.use(user_id=user_id, code=code, by=by):
        return False
    session = locks.session(session_id)
    if session.user_id != user_id:
        raise errors.SessionNotFound
    Session.objects.filter(pk=session.pk).update(verified_at=CoreNow())
    return True


@operation
def revoke(*, session_id: UUID, user_id: UUID, ending: Session.Ending, by: Actor) -> Session:
    """
    End one of a person's sessions. Its access token is refused at once. Doing so again changes nothing.

    :param user_id: whose it must be
    :raises errors.SessionNotFound: the person has no such session
    """
    session = locks.session(session_id)
    if session.user_id != user_id:
        raise errors.SessionNotFound
    if session.revoked_at is None:
        _end(session, ending, by)
    return session


@operation
def revoke_all(
    *, user_id: UUID, ending: Session.Ending = Session.Ending.LOGOUT_ALL, by: Actor, reason: str = ""
) -> int:
    """
    End all of a person's sessions, those of Admin too, and say how many there were over the API.

    :param reason: why, where somebody else does it
    :raises errors.UserNotFound: there is no such person
    """
    user = locks.user(user_id)
    ended = Session.objects.filter(user=user, revoked_at=None, expires_at__gt=CoreNow()).update(
        revoked_at=CoreNow(), revoked_for=ending
    )
    if user.is_staff:
        # Those of Admin, which nobody can count, no longer fit.
        User.objects.filter(pk=user.pk).update(lockouts=F("lockouts") + 1)
    if ended or user.is_staff:
        records.record("session.all_revoked", entity=user, by=by, reason=reason, ending=str(ending), sessions=ended)
    return ended


@operation
def purge_over(*, by: Actor) -> int:
    """Delete some of the refresh tokens that have expired, and of the sessions that have none left; say how many."""
    with connection.cursor() as cursor:
        # A predecessor expires no later than its successor, so that nothing refers to what is deleted.
        cursor.execute(
            """
            DELETE FROM accounts_refreshtoken WHERE id IN (
                SELECT id FROM accounts_refreshtoken WHERE expires_at <= core_now() ORDER BY expires_at, id LIMIT %s
            )
            """,
            [PURGE_BATCH],
        )
        tokens: int = cursor.rowcount
        cursor.execute(
            """
            DELETE FROM accounts_session WHERE id IN (
                SELECT id FROM accounts_session AS session WHERE expires_at <= core_now()
                    AND NOT EXISTS (SELECT FROM accounts_refreshtoken WHERE session_id = session.id)
                ORDER BY expires_at LIMIT %s
            )
            """,
            [PURGE_BATCH],
        )
        over: int = cursor.rowcount
    return max(tokens, over)


def _make_room(user: User) -> None:
    """End the oldest sessions of a person who has as many as one may have, under the person's lock."""
    living = Session.objects.filter(user=user, revoked_at=None, expires_at__gt=CoreNow()).order_by("-created_at", "-id")
    for oldest in living[MOST_SESSIONS - 1 :]:
        _end(oldest, Session.Ending.CROWDED_OUT, actor_of(user))


def _succeed(token: RefreshToken, session: Session, shown: str, client: bytes, now: datetime) -> Tokens:
    successor_id = uuid7()
    fresh = refresh_tokens.successor(shown, token_id=successor_id, key=keyring().succession[0])
    # Used first: a session has one current token, and no other for a moment either.
    RefreshToken.objects.filter(pk=token.pk).update(used_at=now, used_by=client, successor_id=successor_id)
    _keep(successor_id, fresh, session, now)
    Session.objects.filter(pk=session.pk).update(last_used_at=now, ip=circumstances().ip)
    return _tokens(session, fresh, now)


def _successor_of(token: RefreshToken, shown: str) -> str | None:
    """The token that was answered before. None if the key has been taken out of the settings since."""
    if token.successor is None:
        return None
    for key in keyring().succession:
        again = refresh_tokens.successor(shown, token_id=token.successor.pk, key=key)
        if hmac.compare_digest(refresh_tokens.digest(again), bytes(token.successor.digest)):
            return again
    return None


def _tell_of_reuse(token: RefreshToken, session: Session) -> None:
    owner = actor_of(User.objects.get(pk=session.user_id))
    _end(session, Session.Ending.REUSE, owner)
    records.record(
        "session.reuse_detected", entity=session, by=owner, token=str(token.pk), used_at=token.used_at, way=session.way
    )
    alerts.raise_alert(
        f"accounts.session_reuse:{session.user_id}",
        severity="critical" if session.user.is_staff else "warning",
        title=gettext_noop("A used refresh token was shown again: somebody may have stolen a session."),
        session=session.pk,
        user=session.user_id,
        ip=circumstances().ip,
    )


def _end(session: Session, ending: Session.Ending, by: Actor) -> None:
    Session.objects.filter(pk=session.pk).update(revoked_at=CoreNow(), revoked_for=ending)
    session.refresh_from_db()
    records.record("session.revoked", entity=session, by=by, ending=str(ending))


def _keep(token_id: UUID, shown: str, session: Session, now: datetime) -> None:
    RefreshToken.objects.create(
        id=token_id,
        session=session,
        digest=refresh_tokens.digest(shown),
        expires_at=min(now + REFRESH_LIFETIME, session.expires_at),
    )


def _tokens(session: Session, shown: str, now: datetime) -> Tokens:
    access = access_tokens.issue(
        user_id=session.user_id, session_id=session.pk, token_id=uuid7(), now=now, keyring=keyring()
    )
    return Tokens(session, access, shown, int(access_tokens.LIFETIME.total_seconds()))
