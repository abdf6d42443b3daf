"""Money that people hand to people: cash, a bank transfer. Nobody is asked; what staff say is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.gateways.provider import Movement, Order, Provider, ProviderRefused, Repayment, Started
from billing.rules.payment_events import Fact, Kind
from core import clock


class Manual:
    """
    The house's own word.

    :cvar is_local: whether asking it calls nobody, so that it can be asked inside a transaction
    """

    code = "manual"
    sends_refunds = True
    refunds_parts = True
    charges_agreements = False
    is_local = True

    def start(self, order: Order) -> Started:
        raise ProviderRefused("not_offered", f"{self.code} has no till")

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        raise ProviderRefused("not_offered", f"{self.code} keeps no agreements")

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """It renews nothing by itself."""

    def facts_of(self, notice: Mapping[str, Any]) -> Sequence[Fact]:
        return ()

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        return ()

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        fact = Fact(
            provider=self.code,
            event_id=repayment.key,
            kind=Kind.REFUNDED,
            payment_id=repayment.payment_id,
            occurred_at=clock.now(),
            source="caller",
            amount=repayment.amount,
            reference=repayment.key,
        )
        return (fact,)

    def movements(self, since: datetime) -> Iterator[Movement]:
        raise ProviderRefused("no_books", f"{self.code} keeps no books")


def make() -> Provider:
    return Manual()
