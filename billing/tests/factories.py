"""
Wallets, tariffs, promo codes, invoices, payments and holds for tests, made the way the house makes them: through
operations, so that every row that a test begins with is one that could exist.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import factory

from accounts.models import User
from accounts.operations import users
from accounts.people import actor_of
from accounts.tests.factories import CompanyFactory, StaffFactory, UserFactory
from billing.models import (
    Announcement,
    CreditRequest,
    Hold,
    Invoice,
    Payment,
    PromoCode,
    Referral,
    Subscription,
    Tariff,
    Trial,
    Wallet,
    WebhookDelivery,
    WebhookEndpoint,
)
from billing.operations import (
    announcements,
    grants,
    holds,
    invoices,
    payments,
    promo_codes,
    tariffs,
    trials,
    wallets,
    webhook_endpoints,
)
from billing.owners import Owner
from core import clock
from core.actors import Actor
from core.money import Money

# Who acts in tests.
TESTER: Final = Actor(kind="system", id="tests", label="tests")


class WalletFactory(factory.django.DjangoModelFactory[Wallet]):
    """A user's wallet; ``WalletFactory.create(company=CompanyFactory.create())`` makes a company's."""

    class Meta:
        model = Wallet

    company = None
    user = factory.Maybe("company", yes_declaration=None, no_declaration=factory.SubFactory(UserFactory))

    @classmethod
    def _create(cls, model_class: type[Wallet], *args: Any, **kwargs: Any) -> Wallet:
        if kwargs["company"] is not None:
            return wallets.open_for_company(company_id=kwargs["company"].pk, by=TESTER)
        return wallets.open_for_user(user_id=kwargs["user"].pk, by=TESTER)


def company_wallet() -> Wallet:
    """A wallet of a new company."""
    return WalletFactory.create(company=CompanyFactory.create())


def funded_wallet(
    *, tokens: int = 100, expires_at: datetime | None = None, expires_in: timedelta | None = None, **owner: Any
) -> Wallet:
    """
    A wallet with one lot.

    :param tokens: how many; 0 leaves it empty
    :param expires_in: from the database's now, instead of ``expires_at``
    :param owner: ``user=`` or ``company=``; a new user by default
    """
    wallet = WalletFactory.create(**owner)
    if tokens:
        add_lot(wallet, tokens, expires_at=expires_at, expires_in=expires_in)
    return wallet


def add_lot(
    wallet: Wallet, tokens: int, *, expires_at: datetime | None = None, expires_in: timedelta | None = None
) -> None:
    """Credit a wallet by hand, and read it again."""
    if expires_in is not None:
        expires_at = clock.now() + expires_in
    grants.give(
        owner=Owner.wallet(wallet.pk),
        tokens=tokens,
        expires_at=expires_at,
        reason="for a test",
        key=new_key(),
        by=TESTER,
    )
    wallet.refresh_from_db()


_keys = (f"test-key-{number}" for number in count(1))


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return next(_keys)


class TariffFactory(factory.django.DjangoModelFactory[Tariff]):
    """50 tokens for 149 ₽, for people."""

    class Meta:
        model = Tariff

    slug = factory.Sequence(lambda n: f"package-{n}")
    name = factory.Sequence(lambda n: f"Package {n}")
    price = 14_900
    currency = "RUB"
    tokens = 50

    @classmethod
    def _create(cls, model_class: type[Tariff], *args: Any, **kwargs: Any) -> Tariff:
        return tariffs.create(by=TESTER, **kwargs)


class PlanFactory(TariffFactory):
    """A subscription of 30 days for 300 ₽, with a trial of a week; ``family=`` says of which family it is."""

    slug = factory.Sequence(lambda n: f"plan-{n}")
    name = factory.Sequence(lambda n: f"Plan {n}")
    price = 30_000
    tokens = 0
    subscription_days = 30
    trial_days = 7
    family = "pro"


class PromoCodeFactory(factory.django.DjangoModelFactory[PromoCode]):
    """10 % off. ``PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=5, max_uses=1)``."""

    class Meta:
        model = PromoCode

    code = factory.Sequence(lambda n: f"CODE-{n}")
    discount_type = "percent"
    discount_value = 10

    @classmethod
    def _create(cls, model_class: type[PromoCode], *args: Any, **kwargs: Any) -> PromoCode:
        return promo_codes.create(by=TESTER, **kwargs)


class InvoiceFactory(factory.django.DjangoModelFactory[Invoice]):
    """A pending invoice: ``InvoiceFactory.create(wallet=…, tariff=…, promo_code=PromoCodeFactory.create())``."""

    class Meta:
        model = Invoice

    wallet = factory.SubFactory(WalletFactory)
    tariff = factory.SubFactory(TariffFactory)
    promo_code = None
    currency = None
    key = factory.LazyFunction(new_key)

    @classmethod
    def _create(cls, model_class: type[Invoice], *args: Any, **kwargs: Any) -> Invoice:
        code = kwargs["promo_code"]
        return invoices.create(
            owner=Owner.wallet(kwargs["wallet"].pk),
            tariff=kwargs["tariff"].slug,
            promo_code=code.code if code else None,
            currency=kwargs["currency"],
            key=kwargs["key"],
            by=TESTER,
        ).invoice


class PaymentFactory(factory.django.DjangoModelFactory[Payment]):
    """A payment by hand of what its invoice asks, unless ``amount`` (:class:`Money`) says otherwise."""

    class Meta:
        model = Payment

    invoice = factory.SubFactory(InvoiceFactory)
    provider = "manual"
    provider_payment_id = factory.Sequence(lambda n: f"made-receipt-{n}")
    amount = factory.LazyAttribute(lambda row: Money(row.invoice.amount, row.invoice.currency))
    key = factory.LazyFunction(new_key)

    @classmethod
    def _create(cls, model_class: type[Payment], *args: Any, **kwargs: Any) -> Payment:
        invoice = kwargs.pop("invoice")
        return payments.record_success(invoice_id=invoice.pk, by=TESTER, **kwargs).payment


class SubscriptionFactory(factory.django.DjangoModelFactory[Subscription]):
    """An active one: ``periods=`` says how many times its tariff was paid, once by default."""

    class Meta:
        model = Subscription

    wallet = factory.SubFactory(WalletFactory)
    tariff = factory.SubFactory(PlanFactory)
    periods = 1

    @classmethod
    def _create(cls, model_class: type[Subscription], *args: Any, **kwargs: Any) -> Subscription:
        wallet, tariff = kwargs["wallet"], kwargs["tariff"]
        for _number in range(kwargs["periods"]):
            PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff))
        return Subscription.objects.get(wallet=wallet, family=tariff.subscription_family)


class TrialFactory(factory.django.DjangoModelFactory[Trial]):
    """A trial that has just begun."""

    class Meta:
        model = Trial

    wallet = factory.SubFactory(WalletFactory)
    tariff = factory.SubFactory(PlanFactory)

    @classmethod
    def _create(cls, model_class: type[Trial], *args: Any, **kwargs: Any) -> Trial:
        return trials.start(owner=Owner.wallet(kwargs["wallet"].pk), tariff=kwargs["tariff"].slug, by=TESTER)


class HoldFactory(factory.django.DjangoModelFactory[Hold]):
    """An open hold of 10 tokens, over a wallet with 100 unless another is given."""

    class Meta:
        model = Hold

    wallet = factory.LazyFunction(funded_wallet)
    tokens = 10
    key = factory.LazyFunction(new_key)
    expires_in = holds.DEFAULT_SECONDS

    @classmethod
    def _create(cls, model_class: type[Hold], *args: Any, **kwargs: Any) -> Hold:
        wallet = kwargs.pop("wallet")
        return holds.place(owner=Owner.wallet(wallet.pk), by=TESTER, **kwargs).hold


class CreditRequestFactory(factory.django.DjangoModelFactory[CreditRequest]):
    """A credit of 2 000 tokens, asked for by an operator; ``by=`` is another person who may ask."""

    class Meta:
        model = CreditRequest

    wallet = factory.SubFactory(WalletFactory)
    tokens = 2_000
    reason = "An apology for a lost week"
    key = factory.LazyFunction(new_key)
    expires_at = None
    by = factory.LazyFunction(lambda: StaffFactory.create(role="operator"))

    @classmethod
    def _create(cls, model_class: type[CreditRequest], *args: Any, **kwargs: Any) -> CreditRequest:
        wallet, person = kwargs.pop("wallet"), kwargs.pop("by")
        made = grants.give(owner=Owner.wallet(wallet.pk), by=actor_of(person), **kwargs).request
        assert made is not None
        return made


class AnnouncementFactory(factory.django.DjangoModelFactory[Announcement]):
    """A balance that fell below the limit."""

    class Meta:
        model = Announcement

    kind = "wallet.low"
    wallet = factory.SubFactory(WalletFactory)
    once = None
    facts = factory.LazyFunction(lambda: {"tokens": 3})

    @classmethod
    def _create(cls, model_class: type[Announcement], *args: Any, **kwargs: Any) -> Announcement:
        wallet, facts = kwargs["wallet"], kwargs["facts"]
        made = announcements.announce(kwargs["kind"], wallet_id=wallet.pk, once=kwargs["once"], **facts)
        assert made is not None
        return made


class WebhookEndpointFactory(factory.django.DjangoModelFactory[WebhookEndpoint]):
    """An endpoint that is told of low balances."""

    class Meta:
        model = WebhookEndpoint

    url = factory.Sequence(lambda n: f"https://shop.example/hooks/{n}")
    events = ("wallet.low",)
    description = "The shop's own server"

    @classmethod
    def _create(cls, model_class: type[WebhookEndpoint], *args: Any, **kwargs: Any) -> WebhookEndpoint:
        return webhook_endpoints.create(by=TESTER, **kwargs).endpoint


class WebhookDeliveryFactory(factory.django.DjangoModelFactory[WebhookDelivery]):
    """A low balance on its way to an endpoint."""

    class Meta:
        model = WebhookDelivery

    endpoint = factory.SubFactory(WebhookEndpointFactory)

    @classmethod
    def _create(cls, model_class: type[WebhookDelivery], *args: Any, **kwargs: Any) -> WebhookDelivery:
        announcement = AnnouncementFactory.create(kind=kwargs["endpoint"].events[0])
        found: WebhookDelivery = announcement.deliveries.get(endpoint=kwargs["endpoint"])
        return found


def brought(referrer: User | None = None) -> Referral:
    """Somebody who came by somebody else's code, both with wallets."""
    if referrer is None:
        referrer, _is_new = users.get_or_create_from_telegram(telegram_id=next(_strangers), by=TESTER)
    newcomer, _is_new = users.get_or_create_from_telegram(
        telegram_id=next(_strangers), referral_code=referrer.referral_code, by=TESTER
    )
    return Referral.objects.select_related("referrer", "referred").get(referred=newcomer)


_strangers = count(8_000_000_001)


class ReferralFactory(factory.django.DjangoModelFactory[Referral]):
    """Somebody who came by somebody else's code and has paid nothing yet."""

    class Meta:
        model = Referral

    referrer = None

    @classmethod
    def _create(cls, model_class: type[Referral], *args: Any, **kwargs: Any) -> Referral:
        return brought(kwargs["referrer"])
