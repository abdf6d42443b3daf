"""
What a payment provider is to billing. Each is one file beside this one; base URLs and credentials are settings, so
that a fake server, a sandbox and the real one differ by environment only.

Nothing here runs inside a transaction, and nothing here writes: a provider is asked, and its answer is facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from billing.rules.payment_events import Fact
from core.jobs import Postponed
from core.money import Money


class ProviderRefused(Exception):
    """
    The provider says no, for good: asking again would not help.

    :param code: the provider's own word
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class NoticeOfNothing(Exception):
    """
    A notice names what its provider, asked, does not know: somebody made it up, or it is of another shop.

    :param named: what it names
    """

    def __init__(self, named: str) -> None:
        super().__init__(named)
        self.named = named


class ProviderUnavailable(Exception):
    """No answer, or none that says what happened: it may have happened. Ask again with the same key."""


class ProviderPaused(ProviderUnavailable, Postponed):
    """
    It was not asked, or would not hear: it wants to be left alone for a while. A job that meets it runs again then.

    :param seconds: for how long
    """


@dataclass(frozen=True, slots=True)
class Order:
    """
    What a customer is to pay.

    :param invoice_id: carried by the provider in its metadata or payload, so that its events name the invoice
    :param title: what is sold, at most 32 characters for Telegram
    :param key: stored before the call; the same order is asked for with the same key
    :param return_url: where the customer goes after paying; may be empty
    :param saves_method: whether renewals are to be charged to what is paid with
    :param period_days: of a subscription; 0 for what is bought once
    """

    invoice_id: UUID
    amount: Money
    title: str
    description: str
    key: str
    return_url: str = ""
    saves_method: bool = False
    period_days: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """
    What a client needs to pay.

    :param url: a page to open
    :param invoice_link: an invoice inside Telegram
    :param payload: anything else
    :param payment_id: the provider's id, where it is known before the money comes
    :param facts: what the provider has said with it
    """

    url: str = ""
    invoice_link: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    payment_id: str = ""
    facts: Sequence[Fact] = ()


@dataclass(frozen=True, slots=True)
class Repayment:
    """
    Money that is to go back.

    :param payment_id: the provider's id of the payment
    :param key: stored before the call; the same refund is asked for with the same key
    :param details: of the fact that the payment succeeded: ``payer`` …
    """

    payment_id: str
    amount: Money
    reason: str
    key: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Movement:
    """
    One line of a provider's own books.

    :param fact: the same as a fact: what would be recorded for it
    """

    fact: Fact

    @property
    def identity(self) -> tuple[str, str]:
        """By which it is compared with ours: (event id, direction)."""
        return (self.fact.event_id, self.fact.direction)


class Provider(Protocol):
    """
    :cvar code: as in ``Payment.Provider``
    :cvar sends_refunds: whether it can be asked to send money back; elsewhere that is done in its own office
    :cvar refunds_parts: whether less than the whole payment can go back
    :cvar charges_agreements: whether it takes renewals from a stored agreement
    :cvar is_local: whether asking it calls nobody, so that it may be asked inside a transaction
    """

    code: str
    sends_refunds: bool
    refunds_parts: bool
    charges_agreements: bool
    is_local: bool

    def start(self, order: Order) -> Started:
        """
        Begin a payment.

        :raises ProviderRefused: also when this order cannot be paid with it
        :raises ProviderUnavailable: ask again with the same key
        """

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        """
        Take a renewal from a stored agreement.

        :raises ProviderRefused: the agreement is no longer good
        :raises ProviderUnavailable: ask again with the same key
        """

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """
        Go on, or stop, renewing by itself, where it does; nothing elsewhere.

        :param details: of the fact that the agreement came with: ``payer`` …
        :raises ProviderRefused: it knows no such agreement
        :raises ProviderUnavailable: ask again
        """

    def facts_of(self, notice: Mapping[str, Any]) -> Sequence[Fact]:
        """
        What a stored notice is about, asked of the provider itself: what a notice says is not believed.

        :raises NoticeOfNothing: the provider does not know what it is about
        :raises ProviderUnavailable: ask again later
        """

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        """
        Everything the provider says of a payment now; nothing for one that it does not know.

        :raises ProviderUnavailable: ask again later
        """

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        """
        Send money back. What was sent back already is no error. A refund that the provider has taken on and not done
        yet is told later: no fact.

        :raises ProviderRefused: it will not
        :raises ProviderUnavailable: ask again with the same key
        """

    def movements(self, since: datetime) -> Iterator[Movement]:
        """
        The provider's own books from a moment on, page by page.

        :raises ProviderRefused: it keeps none that can be asked for
        :raises ProviderUnavailable: ask again later
        """
