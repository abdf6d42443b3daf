"""What customers do in Telegram to subscriptions that it renews: followed here, and not told back to it."""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from billing import locks
from billing.errors import SubscriptionOver
from billing.gateways import telegram
from billing.models import Invoice, Payment, PaymentEvent, Subscription, SubscriptionPeriod
from billing.operations import subscriptions
from core.actors import Actor
from core.database import operation
from messaging.queries import is_last_word
from messaging.rules.updates import Update

logger = logging.getLogger(__name__)

_PROVIDER: Final = Payment.Provider.TELEGRAM_STARS


class PaymentNotHeard(Exception):
    """Telegram tells of a subscription before it has told of the money that began it: ask again later."""


@operation
def hear(*, update: Update, by: Actor) -> Subscription | None:
    """
    Cancel or resume the subscription of an update about one (Telegram's ``BotSubscriptionUpdated``). A failed charge is
    noted: the grace of the subscription does the rest. Of several updates about one subscription the last counts, in
    whichever order they are heard, and as often.

    :returns: the subscription; None where nothing of ours is meant, or a later word stands
    :raises PaymentNotHeard: its first payment is still to be told of
    """
    told = telegram.read_subscription(update.body)
    invoice = Invoice.objects.filter(pk=told.invoice_id).first() if told.invoice_id else None
    if invoice is None or not invoice.subscription_days:
        logger.warning("Update %s tells of a subscription that nobody knows", update.number)
        return None
    locks.wallet(invoice.wallet_id)
    if not is_last_word(update, ("subscription", "invoice_payload")):
        return None
    if not _has_paid(told.payer, invoice.pk):
        invoice.refresh_from_db()
        if invoice.status in (Invoice.Status.PENDING, Invoice.Status.EXPIRED):
            raise PaymentNotHeard(str(invoice.pk))
        logger.warning("Update %s tells of a subscription of somebody who did not pay for it", update.number)
        return None
    subscription = _renewed_for(invoice)
    if subscription is None or subscription.is_over:
        logger.warning("Update %s tells of a subscription that is over", update.number)
        return subscription
    return _follow(subscription, told, update.number, by=by)


def _follow(
    subscription: Subscription, told: telegram.SubscriptionUpdated, number: int, *, by: Actor
) -> Subscription | None:
    match told.state:
        case "canceled":
            return subscriptions.cancel(subscription_id=subscription.pk, by_provider=True, by=by)
        case "active":
            try:
                return subscriptions.resume(subscription_id=subscription.pk, by_provider=True, by=by)
            except SubscriptionOver:
                logger.warning("Update %s resumes a subscription that has run out", number)
        case "failed":
            logger.warning("Update %s: Telegram could not renew the subscription %s", number, subscription.pk)
        case _:
            logger.warning("Update %s tells %r of the subscription %s", number, told.state, subscription.pk)
    return subscription


def _has_paid(payer: int, invoice_id: UUID) -> bool:
    """Whether somebody's Stars have paid an invoice; whoever pays one once more has bought nothing by it."""
    credited = Payment.objects.filter(invoice=invoice_id, provider=_PROVIDER, outcome=Payment.Outcome.CREDITED)
    told = PaymentEvent.objects.filter(
        provider=_PROVIDER,
        kind=PaymentEvent.Kind.SUCCEEDED,
        provider_payment_id__in=credited.values("provider_payment_id"),
        details__payer=payer,
    )
    return told.exists()


def _renewed_for(invoice: Invoice) -> Subscription | None:
    """The subscription that an invoice began, or the one that goes on by the same agreement since that one ended."""
    periods = SubscriptionPeriod.objects.select_related("subscription").filter(invoice=invoice)
    last = periods.order_by("-pk").first()
    if last is None or not last.subscription.is_over:
        return last.subscription if last else None
    began = last.subscription
    going_on = locks.live_subscription(began.wallet, began.family)
    is_same = going_on is not None and bool(began.agreement_id) and going_on.agreement_id == began.agreement_id
    return going_on if is_same else began
