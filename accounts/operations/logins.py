"""The ways in: each proves who it is and opens a session."""

from __future__ import annotations

from django.conf import settings

from accounts import errors, locks
from accounts.models import SecondFactor, Session, SpentInitData, User
from accounts.operations import second_factors, sessions, users
from accounts.operations.sessions import Tokens
from accounts.people import actor_of
from accounts.rules import init_data as mini_apps
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation


@operation
def by_password(*, person: User | None, otp: str = "", user_agent: str, by: Actor) -> Tokens | None:
    """
    Let in whoever knows a login and its password, and has the second factor that staff have.

    :param person: who was found by them (:func:`accounts.queries.find_by_password`)
    :param otp: a code of the second factor, or a backup code; heard only where there is one
    :param by: nobody is known yet, so the house itself
    :return: None when the code is wrong. That is remembered, so it is no exception
    :raises errors.LoginRefused: the login is unknown, the password wrong, or the person is kept out: they cannot be
        told apart
    :raises errors.OtpRequired: the person has a second factor, and no code is given
    :raises errors.EnrolmentRequired: the person must have one and has none
    """
    if person is None:
        raise errors.LoginRefused
    # Hashing takes long enough for the password to be changed, or its owner kept out, meanwhile.
    now = locks.user(person.pk)
    if not now.is_active or now.password != person.password:
        raise errors.LoginRefused
    has_factor = now.is_staff and SecondFactor.objects.filter(user=now).exists()
    if has_factor and not otp:
        raise errors.OtpRequired
    if has_factor and not second_factors.use(user_id=now.pk, code=otp, by=actor_of(now)):
        return None
    if now.is_staff and not has_factor and settings.REQUIRE_STAFF_2FA:
        raise errors.EnrolmentRequired
    return sessions.open(
        user_id=now.pk, way=Session.Way.PASSWORD, user_agent=user_agent, is_verified=has_factor, by=actor_of(now)
    )


@operation
def by_init_data(*, init_data: str, user_agent: str, by: Actor) -> Tokens:
    """
    Let in whoever has opened the Mini App, and register them when they are new. What Telegram has signed works once:
    ``accounts_spentinitdata_digest_key`` sees to it, however many show it at once.

    :param init_data: ``Telegram.WebApp.initData``, untouched
    :param by: nobody is known yet, so the house itself
    :raises errors.TelegramNotConfigured: there is no bot whose signature counts here
    :raises errors.InitDataInvalid: it is malformed, old or from the future, used before, or not signed by Telegram
    :raises errors.UserKeptOut: the person may not come in
    """
    trust = mini_apps.Trust(
        bot_token=settings.BOT_TOKEN,
        third_party_bots=tuple(settings.THIRD_PARTY_BOT_IDS),
        public_key=settings.TELEGRAM_PUBLIC_KEY,
    )
    if not trust.bot_token and not trust.third_party_bots:
        raise errors.TelegramNotConfigured
    told = mini_apps.read(init_data, trust)
    if told is None or not told.is_fresh(clock.now()):
        raise errors.InitDataInvalid
    SpentInitData.objects.create(digest=told.digest, expires_at=told.auth_date + mini_apps.LONGEST_AGE)
    user, _is_new = users.get_or_create_from_telegram(
        telegram_id=told.user.telegram_id,
        username=told.user.username,
        first_name=told.user.first_name,
        last_name=told.user.last_name,
        language_code=told.user.language_code,
        is_premium=told.user.is_premium,
        by=by,
    )
    return sessions.open(user_id=user.pk, way=Session.Way.TELEGRAM, user_agent=user_agent, by=actor_of(user))


@operation
def purge_spent(*, by: Actor) -> int:
    """Forget the Mini App logins that are too old to be accepted anyway, and say how many there were."""
    gone, _of_which = SpentInitData.objects.filter(expires_at__lt=CoreNow()).delete()
    return gone
