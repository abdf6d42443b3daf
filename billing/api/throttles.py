"""How often one may do what invites guessing, or leaves something to be kept."""

from __future__ import annotations

from billing.limits import PROMO_CODE_TRIES, TRIALS_BY_A_CALLER, UNSIGNED_NOTICES_FROM_AN_ADDRESS
from core.actors import Actor, circumstances
from core.client_address import network_of


def count_promo_code_try(by: Actor) -> None:
    """
    Count one attempt at a promo code, right or wrong. Outside of transactions, before the operation.

    :raises core.errors.RateLimited: the caller has tried too many
    :raises core.errors.Unavailable: it cannot be counted now
    """
    PROMO_CODE_TRIES.count(f"{by.kind}:{by.id}")


def count_trial(by: Actor) -> None:
    """
    Count a trial that is asked for: by an API key, or from an address, where one machine may be many people. Outside of
    transactions, before the operation.

    :raises core.errors.RateLimited: the caller has asked for too many
    :raises core.errors.Unavailable: it cannot be counted now
    """
    TRIALS_BY_A_CALLER.count(f"{by.kind}:{by.id}" if by.kind == "api_key" else f"ip:{network_of(circumstances().ip)}")


def count_unsigned_notice() -> None:
    """
    Count a message that anybody could have sent, from the caller's address.

    :raises core.errors.RateLimited: there were too many
    """
    UNSIGNED_NOTICES_FROM_AN_ADDRESS.count(network_of(circumstances().ip))
