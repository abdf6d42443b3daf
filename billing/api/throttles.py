"""How often a caller may do what invites guessing."""

from __future__ import annotations

from typing import Final

from billing.runtime_settings import PROMO_CODE_TRIES_PER_HOUR
from core.actors import Actor
from core.operations import throttles

_HOUR: Final = 3600


def count_promo_code_try(by: Actor) -> None:
    """
    Count one attempt at a promo code, right or wrong. Outside of transactions, before the operation.

    :raises core.errors.RateLimited: the caller has tried too many
    """
    throttles.hit(
        scope="billing.promo_code",
        subject=f"{by.kind}:{by.id}",
        limit=PROMO_CODE_TRIES_PER_HOUR.get(),
        per_seconds=_HOUR,
    )
