"""How often one may try to come in, and how often those who are in may ask."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop

from accounts.models.login_token import LIFETIME as _LOGIN_TOKEN
from accounts.models.session import LIFETIME as _SESSION
from accounts.models.session import REFRESH_LIFETIME as _REFRESH_TOKEN
from accounts.operations.sessions import MOST_SESSIONS
from accounts.rules.init_data import LONGEST_AGE
from accounts.runtime_settings import API_KEY_REQUESTS_PER_MINUTE, REGISTRATIONS_PER_HOUR
from core.limits import bound, register

_QUARTER: Final = 900
_LOGINS: Final = "logins with a password, over the API and in Admin, right or wrong"
_ADDRESS: Final = "address"

LOGINS_OF_A_PAIR: Final = register("auth.login.pair", 10, _QUARTER, what=_LOGINS, whom="address and login together")
LOGINS_FROM_AN_ADDRESS: Final = register(
    "auth.login.ip",
    100,
    _QUARTER,
    what=_LOGINS,
    whom=_ADDRESS,
    alert=gettext_noop("Somebody tries many logins from one address."),
)
LOGINS_OF_AN_ACCOUNT: Final = register(
    "auth.login.account",
    30,
    _QUARTER,
    what=_LOGINS,
    whom="login, but for browsers at addresses from where it has come in before",
    alert=gettext_noop("Somebody guesses at the password of an account."),
)
TELEGRAM_LOGINS_FROM_AN_ADDRESS: Final = register(
    "auth.telegram.ip", 300, _QUARTER, what="logins from Mini Apps", whom=_ADDRESS, keeping="shared"
)
LOGIN_TOKENS_FROM_AN_ADDRESS: Final = register(
    "auth.login_token.ip", 60, _QUARTER, what="logins begun, to be confirmed in the bot", whom=_ADDRESS
)
# A browser asks every other second whether its owner has confirmed.
REDEMPTIONS_FROM_AN_ADDRESS: Final = register(
    "auth.redeem.ip", 3000, _QUARTER, what="questions whether a login is confirmed", whom=_ADDRESS, keeping="shared"
)
REFRESHES_FROM_AN_ADDRESS: Final = register(
    "auth.refresh.ip", 3000, _QUARTER, what="refresh tokens shown", whom=_ADDRESS, keeping="shared"
)
PASSWORDS_OF_AN_ACCOUNT: Final = register(
    "auth.password.account",
    10,
    _QUARTER,
    what="changes of a password, right or wrong",
    whom="person",
    alert=gettext_noop("Somebody guesses, inside an open session, at the password it belongs to."),
)
# Whoever guesses codes knows the password already. At ten in a quarter of an hour a day's guesses find one of a million
# codes, three of which count at a time, with a probability of three in a thousand.
CODES_OF_AN_ACCOUNT: Final = register(
    "auth.otp.account",
    10,
    _QUARTER,
    what="codes of a second factor, right or wrong",
    whom="person",
    alert=gettext_noop("Somebody guesses at the second factor of an account whose password or session they have."),
)
KEYS_REFUSED_FROM_AN_ADDRESS: Final = register(
    "api_key.refused.ip",
    300,
    _QUARTER,
    what="API keys shown that do not work; those that do are let in all the same",
    whom=_ADDRESS,
    # To write a row for each would make a flood dearer for us than for whoever sends it.
    keeping="process",
    alert=gettext_noop("Somebody shows API keys that do not work."),
)
REQUESTS_OF_A_KEY: Final = register(
    "api_key.requests",
    API_KEY_REQUESTS_PER_MINUTE,
    60,
    what="requests",
    whom="API key",
    keeping="process",
    when_down="open to reading",
)
REGISTRATIONS_BY_A_CALLER: Final = register(
    "accounts.registrations",
    REGISTRATIONS_PER_HOUR,
    3600,
    what="people registered; nobody is refused, the operators are told",
    whom="caller",
    when_down="open",
    alert=gettext_noop("A caller registers unusually many people."),
)

bound("sessions of one person", f"{MOST_SESSIONS}", otherwise="the oldest one ends")
bound("life of a session", f"{_SESSION.days} days", otherwise="it ends, however often it was refreshed")
bound("life of a refresh token that nobody shows", f"{_REFRESH_TOKEN.days} days", otherwise="401")
bound("life of a login token", f"{_LOGIN_TOKEN.seconds // 60} minutes, one use", otherwise="401, or 409 when used")
bound("age of a Mini App's `initData`", f"{LONGEST_AGE.seconds // 3600} hour, one use", otherwise="401")
