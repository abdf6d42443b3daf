"""Trials: one per owner and family, for ever."""

from __future__ import annotations

from django.db.models import Q

from audit.operations import records
from billing import errors, events, keyring, locks
from billing.models import Subscription, Transaction, Trial
from billing.operations import credits, timelines
from billing.owners import Owner
from billing.queries import quotes
from billing.queries.subscriptions import is_lapsed
from billing.rules import keys
from billing.rules.periods import Length
from core import clock
from core.actors import Actor
from core.database import operation


@operation
def start(*, owner: Owner, tariff: str, by: Actor) -> Trial:
    """
    Begin a trial: a subscription without an invoice, and the tariff's tokens as a lot that expires with it.

    Under the wallet's lock the second one finds the first; whoever comes back under another wallet, having been erased,
    meets ``billing_trial_is_one_per_owner_and_family``.

    :param tariff: its slug
    :raises errors.WalletNotFound: there is no such customer
    :raises errors.TariffNotFound: there is no such tariff; also ``TariffNotOnSale``, ``TariffNotForOwner``
    :raises errors.TrialNotOffered: the tariff has no trial
    :raises errors.TrialUsed: this owner has had one of this family
    :raises errors.SubscriptionExists: this owner has a subscription of this family
    """
    wallet = locks.wallet_of(owner)
    sold = quotes.get_tariff_on_sale(tariff, wallet=wallet)
    if not sold.trial_days:
        raise errors.TrialNotOffered(tariff)
    family = sold.subscription_family
    hashes = keyring.owner_hashes(wallet)
    if Trial.objects.filter(Q(wallet=wallet) | Q(owner_hash__in=hashes), family=family).exists():
        raise errors.TrialUsed()
    moment = clock.now()
    subscription = locks.live_subscription(wallet, family)
    if subscription is not None and is_lapsed(subscription, moment):
        timelines.expire(subscription, moment)
        subscription = None
    if subscription is not None and subscription.started_at is not None:
        raise errors.SubscriptionExists(subscription=str(subscription.pk))
    # One that waits for its first payment begins with the trial.
    begun = subscription or Subscription(wallet=wallet, family=family)
    begun.wallet, begun.tariff, begun.grace_days = wallet, sold, sold.grace_days
    length = Length.of(days=sold.trial_days)
    period = timelines.append(begun, sold, length, start=moment, moment=moment)
    begun.trial_end = period.ends_at
    begun.save(update_fields=["trial_end"])
    trial = Trial.objects.create(
        wallet=wallet,
        subscription=begun,
        tariff=sold,
        family=family,
        owner_hash=hashes[0],
        tokens=sold.tokens,
        ends_at=period.ends_at,
    )
    if sold.tokens:
        credits.add(
            wallet_id=wallet.pk,
            type=Transaction.Type.TRIAL,
            tokens=sold.tokens,
            key=keys.own("trial", trial.pk),
            by=by,
            description=sold.name[:255],
            expires_at=period.ends_at,
        )
    records.record("billing.trial.started", entity=begun, by=by, tariff=sold.slug)
    events.announce_subscription("trial.started", begun)
    return trial
