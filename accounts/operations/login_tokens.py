"""Login tokens: a browser asks for one, its owner confirms it in the bot, the browser redeems it."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from accounts import errors, locks
from accounts.models import LoginToken, Session, User
from accounts.models.login_token import LIFETIME
from accounts.operations import sessions
from accounts.operations.sessions import Tokens
from accounts.people import actor_of
from accounts.rules import clients
from accounts.rules.login_tokens import digest
from audit.operations import records
from core import clock
from core.actors import Actor, circumstances
from core.clock import CoreNow
from core.database import operation


@dataclass(frozen=True, slots=True)
class Issued:
    """
    A login that waits. Neither text can be seen again.

    :param token: for the link to the bot; whoever sees the screen sees it
    :param nonce: for the browser alone
    :param expires_in: seconds
    """

    row: LoginToken
    token: str
    nonce: str
    expires_in: int


@operation
def issue(*, user_agent: str, by: Actor) -> Issued:
    """
    Begin a login in a browser, whose address is the circumstances'.

    :param by: nobody is known yet, so the house itself
    """
    token, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    row = LoginToken.objects.create(
        digest=digest(token),
        nonce_digest=digest(nonce),
        user_agent=clients.name(user_agent),
        ip=circumstances().ip,
        expires_at=clock.now() + LIFETIME,
    )
    return Issued(row, token, nonce, int(LIFETIME.total_seconds()))


@operation
def confirm(*, token: str, telegram_id: int, by: Actor) -> LoginToken:
    """
    Say, for the owner of a Telegram id whom the bot has asked (:func:`accounts.queries.get_login_token`), that it is
    they who log in. Saying it again changes nothing.

    :param by: the bot
    :raises errors.LoginTokenNotFound: the token is unknown or expired
    :raises errors.LoginTokenUsed: the browser is in already
    :raises errors.LoginTokenConfirmed: somebody else has confirmed it
    :raises errors.UserNotFound: the bot has not registered this person
    :raises errors.UserKeptOut: the person may not come in
    """
    user = User.objects.filter(telegram_id=telegram_id).first()
    if user is None:
        raise errors.UserNotFound
    if not user.is_active:
        raise errors.UserKeptOut
    row = locks.login_token(digest(token))
    if row.expires_at <= clock.now():
        raise errors.LoginTokenNotFound
    if row.used_at:
        raise errors.LoginTokenUsed
    if row.user_id and row.user_id != user.pk:
        raise errors.LoginTokenConfirmed
    if row.confirmed_at is None:
        LoginToken.objects.filter(pk=row.pk).update(user=user, confirmed_at=CoreNow())
        row.refresh_from_db()
        records.record("login_token.confirmed", entity=row, by=by, user=str(user.pk), browser_ip=row.ip)
    return row


@operation
def redeem(*, token: str, nonce: str, user_agent: str, by: Actor) -> Tokens | None:
    """
    Let the browser in whose login was confirmed, once.

    :param nonce: what the browser was given with the token, and nobody else has
    :return: None while nobody has confirmed it
    :raises errors.LoginTokenInvalid: the token is unknown or expired, or another browser's
    :raises errors.LoginTokenUsed: it has been redeemed
    :raises errors.UserKeptOut: the person may not come in any more
    """
    try:
        row = locks.login_token(digest(token))
    except errors.LoginTokenNotFound as unknown:
        raise errors.LoginTokenInvalid from unknown
    if not hmac.compare_digest(bytes(row.nonce_digest), digest(nonce)):
        raise errors.LoginTokenInvalid
    if row.used_at:
        raise errors.LoginTokenUsed
    if row.expires_at <= clock.now():
        raise errors.LoginTokenInvalid
    if row.user is None:
        return None
    LoginToken.objects.filter(pk=row.pk).update(used_at=CoreNow())
    return sessions.open(user_id=row.user.pk, way=Session.Way.LOGIN_TOKEN, user_agent=user_agent, by=actor_of(row.user))


@operation
def purge_expired(*, by: Actor) -> int:
    """Delete the login tokens that have expired an hour ago, and say how many."""
    gone, _of_which = LoginToken.objects.filter(expires_at__lt=CoreNow() - 12 * LIFETIME).delete()
    return gone
