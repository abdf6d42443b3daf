"""Counting those who try to come in."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from accounts import limits, queries
from core.actors import Actor, circumstances
from core.client_address import network_of
from core.limits import Limit, WhenDown

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def count_login(*, login: str, user_agent: str, is_known_device: bool = False) -> None:
    """
    Count a try to log in: of the account, from the address, and of both together.

    From a browser and an address that have been let in before, the account's own limit does not count: whoever fails
    in its name, a thousand times and from everywhere, does not keep its owner out.

    :param is_known_device: whether the browser has shown that this login has come in with it before
    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: they cannot be counted now
    """
    ip = circumstances().ip
    here = network_of(ip)
    limits.LOGINS_OF_A_PAIR.count(f"{here} {login}")
    limits.LOGINS_FROM_AN_ADDRESS.count(here)
    if not is_known_device and not queries.has_been_seen(login=login, ip=ip, user_agent=user_agent):
        limits.LOGINS_OF_AN_ACCOUNT.count(login)


def count_password(user_id: UUID) -> None:
    """
    Count a try to change a password.

    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: they cannot be counted now
    """
    limits.PASSWORDS_OF_AN_ACCOUNT.count(str(user_id))


def count_code(user_id: UUID) -> None:
    """
    Count a try to show a second factor, at whichever door. Only for those who have shown the password: nobody else can
    use up somebody's tries.

    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: they cannot be counted now
    """
    limits.CODES_OF_AN_ACCOUNT.count(str(user_id))


def count_from_here(limit: Limit) -> None:
    """
    Count a try from the caller's address.

    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: they cannot be counted now
    """
    limit.count(network_of(circumstances().ip))


def count_request(*, key_id: UUID, per_minute: int, method: str | None) -> None:
    """
    Count a request of an API key. Where it cannot be counted, reading goes on and nothing else does.

    :param per_minute: the runtime setting, which was read with the key
    :raises core.errors.RateLimited: there were too many
    :raises core.errors.Unavailable: it cannot be counted now
    """
    when_down: WhenDown = "open" if method in _READING else "closed"
    limits.REQUESTS_OF_A_KEY.count(str(key_id), tries=per_minute, when_down=when_down)


def watch_registrations(by: Actor) -> None:
    """Count a person whom a caller has registered; the operators are told of one who registers very many."""
    limits.REGISTRATIONS_BY_A_CALLER.watch(f"{by.kind}:{by.id}")
