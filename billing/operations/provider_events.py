"""Looking into what providers have told: between the store and the effect, where the network is."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from django.utils.translation import gettext_noop

from audit.operations import alerts
from billing import errors, locks
from billing.gateways import providers
from billing.gateways.provider import NoticeOfNothing
from billing.models import Payment, PaymentEvent
from billing.operations import attempts, payment_events, renewals, subscriptions
from billing.operations.payment_events import Heard
from billing.queries.payments import as_fact
from billing.queries.subscriptions import is_renewable
from billing.rules.payment_events import Fact, Kind
from core.actors import Actor
from core.database import operation


@operation
def record(*, fact: Fact, by: Actor) -> Heard:
    """
    Record what a provider says of a payment, and what it says besides: a renewal that it took by itself gets an invoice
    of its own, where there is something to renew, what the customer agreed to be charged by is remembered with the
    subscription, and what was cancelled makes room for another attempt to pay. Twice, or at once, it is recorded once.
    """
    of_invoice_id = None
    if fact.renews and fact.kind == Kind.SUCCEEDED and not payment_events.is_play_money(fact):
        known = Payment.objects.filter(provider=fact.provider, provider_payment_id=fact.payment_id)
        # A provider's books do not tell the first charge of a subscription from its renewals.
        is_told_late = fact.source == PaymentEvent.Source.BOOKS
        if (
            fact.invoice_id is not None
            and not known.exists()
            and is_renewable(fact.invoice_id, paid=fact.amount, has_begun=is_told_late)
        ):
            of_invoice_id = fact.invoice_id
            fact = replace(fact, invoice_id=_renewed(fact, of_invoice_id, by=by))
    heard = payment_events.record(fact=fact, by=by)
    if fact.kind == Kind.CANCELLED and heard.event.invoice_id is not None:
        attempts.close_cancelled(
            invoice_id=heard.event.invoice_id, provider=fact.provider, payment_id=fact.payment_id, by=by
        )
    if fact.kind == Kind.SUCCEEDED and heard.payment is not None:
        subscriptions.follow_agreement(payment=heard.payment, details=fact.details, by=by)
        if of_invoice_id is not None:
            subscriptions.carry_agreement(payment=heard.payment, of_invoice_id=of_invoice_id, by=by)
    return heard


def _renewed(fact: Fact, invoice_id: UUID, *, by: Actor) -> UUID:
    """The invoice of a renewal, made once for the provider's id."""
    key = "renewal-" + sha256(f"{fact.provider}:{fact.payment_id}".encode()).hexdigest()
    locks.wallets_of_invoice(invoice_id)
    return renewals.issue_invoice(of_invoice_id=invoice_id, key=key, paid=fact.amount, by=by).pk


def apply(*, event_id: UUID, by: Actor) -> None:
    """
    Judge a stored event. A notice is asked about at its provider, and what that says is recorded; a fact is recorded
    again, which does what has not been done. Twice it changes nothing. Of a notice about what its provider does not
    know an operator is told.

    :raises errors.PaymentEventNotFound: there is no such event
    :raises billing.gateways.provider.ProviderUnavailable: ask again later
    """
    event = PaymentEvent.objects.filter(pk=event_id).first()
    if event is None:
        raise errors.PaymentEventNotFound(str(event_id))
    if event.kind != PaymentEvent.Kind.NOTICE:
        record(fact=as_fact(event), by=by)
        return
    try:
        facts = providers.get(event.provider).facts_of(event.payload)
    except NoticeOfNothing as nothing:
        # One for all of a provider's: whoever makes notices up makes up their ids, too.
        alerts.raise_alert(
            f"billing.notice_of_nothing:{event.provider}",
            severity="warning",
            title=gettext_noop("A message is about a payment that its provider does not know"),
            body=f"{event.provider}: {nothing.named}",
            event=str(event.pk),
        )
        return
    for fact in facts:
        record(fact=fact, by=by)
