"""
How often one may try to come in. Each limit is a bucket that fills again evenly: whoever runs into it waits, and is
never locked out for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts import queries
from core.actors import circumstances
from core.operations import throttles

_QUARTER: Final = 900


@dataclass(frozen=True, slots=True)
class Limit:
    """
    :param scope: the bucket's name
    :param tries: how many at once
    :param seconds: the time in which so many come back
    """

    scope: str
    tries: int
    seconds: int

    def count(self, subject: str) -> None:
        """
        Count a try. Outside of transactions, before the operation.

        :raises core.errors.RateLimited: there were too many
        """
        throttles.hit(scope=self.scope, subject=subject, limit=self.tries, per_seconds=self.seconds)


LOGINS_OF_A_PAIR: Final = Limit("auth.login.pair", 10, _QUARTER)
LOGINS_FROM_AN_ADDRESS: Final = Limit("auth.login.ip", 100, _QUARTER)
LOGINS_OF_AN_ACCOUNT: Final = Limit("auth.login.account", 30, _QUARTER)
TELEGRAM_LOGINS_FROM_AN_ADDRESS: Final = Limit("auth.telegram.ip", 300, _QUARTER)
LOGIN_TOKENS_FROM_AN_ADDRESS: Final = Limit("auth.login_token.ip", 60, _QUARTER)
# A browser asks every other second whether its owner has confirmed.
REDEMPTIONS_FROM_AN_ADDRESS: Final = Limit("auth.redeem.ip", 3000, _QUARTER)
REFRESHES_FROM_AN_ADDRESS: Final = Limit("auth.refresh.ip", 3000, _QUARTER)
PASSWORDS_OF_AN_ACCOUNT: Final = Limit("auth.password.account", 10, _QUARTER)


def count_login(*, login: str, user_agent: str) -> None:
    """
    Count a try to log in: of the account, from the address, and of both together.

    From a browser and an address that have been let in before, the account's own limit does not count: whoever fails
    in its name, a thousand times and from everywhere, does not keep its owner out.

    :raises core.errors.RateLimited: there were too many
    """
    ip = circumstances().ip
    LOGINS_OF_A_PAIR.count(f"{ip} {login}")
    LOGINS_FROM_AN_ADDRESS.count(ip)
    if not queries.has_been_seen(login=login, ip=ip, user_agent=user_agent):
        LOGINS_OF_AN_ACCOUNT.count(login)


def count_password(user_id: UUID) -> None:
    """
    Count a try to change a password.

    :raises core.errors.RateLimited: there were too many
    """
    PASSWORDS_OF_AN_ACCOUNT.count(str(user_id))


def count_from_here(limit: Limit) -> None:
    """
    Count a try from the caller's address.

    :raises core.errors.RateLimited: there were too many
    """
    limit.count(circumstances().ip)
