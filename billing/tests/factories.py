"""
Wallets, tariffs, promo codes, invoices, payments and holds for tests, made the way the house makes them: through
operations, so that every row that a test begins with is one that could exist.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import factory

from accounts.tests.factories import CompanyFactory, UserFactory
from billing.models import Hold, Invoice, Payment, PromoCode, Tariff, Wallet
from billing.operations import grants, holds, invoices, payments, promo_codes, tariffs, wallets
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
    provider_payment_id = factory.Sequence(lambda n: f"receipt-{n}")
    amount = factory.LazyAttribute(lambda row: Money(row.invoice.amount, row.invoice.currency))
    key = factory.LazyFunction(new_key)

    @classmethod
    def _create(cls, model_class: type[Payment], *args: Any, **kwargs: Any) -> Payment:
        invoice = kwargs.pop("invoice")
        return payments.record_success(invoice_id=invoice.pk, by=TESTER, **kwargs).payment


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
