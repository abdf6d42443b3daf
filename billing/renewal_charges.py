"""
Who charges customers for the next period of a subscription by an agreement that they have given.

A provider registers itself, under the name that payments have it by; where none has, an unpaid invoice waits and the
customer is told.
"""

from __future__ import annotations

from typing import Final, Protocol
from uuid import UUID

from core.actors import Actor


class Charger(Protocol):
    """A provider's way to charge by agreement."""

    def charge(self, *, subscription_id: UUID, invoice_id: UUID, by: Actor) -> None:
        """
        Enqueue a job that charges the subscription's agreement what the invoice asks. Called within the transaction
        that issues the invoice, once per invoice: never the network. The job looks again whether the invoice is still
        to be paid and the subscription not cancelled, and tells of money as of any other payment of the invoice.
        """


_chargers: Final[dict[str, Charger]] = {}


def register(provider: str, charger: Charger) -> None:
    """
    Let a provider charge by agreement. Called in an app's ``ready()``.

    :raises RuntimeError: another one does so under this name
    """
    if _chargers.setdefault(provider, charger) is not charger:
        raise RuntimeError(f"{provider} has a charger already")


def find_charger(provider: str) -> Charger | None:
    """Who charges by an agreement with a provider."""
    return _chargers.get(provider)
