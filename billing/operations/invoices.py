"""Invoices: a frozen quote, created, cancelled, expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from billing import errors, locks
from billing.models import Invoice, PromoCode, Tariff, Wallet
from billing.operations import payments, promo_codes
from billing.owners import Owner
from billing.queries import quotes
from billing.rules import keys
from billing.rules.pricing import Price
from billing.runtime_settings import INVOICE_LIFETIME_MINUTES
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.money import Money


@dataclass(frozen=True, slots=True)
class Created:
    """
    :param invoice: the invoice, paid already when nothing is left to pay
    :param replayed: whether it is an earlier call's, found by its key
    """

    invoice: Invoice
    replayed: bool


@operation
def create(
    *,
    owner: Owner,
    tariff: str,
    key: str,
    by: Actor,
    promo_code: str | None = None,
    currency: str | None = None,
) -> Created:
    """
    Freeze a quote, and reserve a use of the promo code with it. Nothing to pay settles it at once. The same key gives
    the first invoice back: ``billing_invoice_key_is_unique_per_wallet``, looked up under the wallet's lock.

    :param tariff: its slug
    :param currency: the tariff's own, or ``XTR`` for Telegram Stars
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.WalletNotFound: there is no such customer
    :raises errors.TariffNotFound: there is no such tariff; also ``TariffNotOnSale``, ``TariffNotForOwner``,
        ``CurrencyNotOffered``
    :raises errors.PromoCodeNotValid: the code is unknown or not valid now; also ``PromoCodeExhausted``,
        ``PromoCodeAlreadyUsed``, ``PromoCodeNotForTariff``, ``PromoCodeCurrencyMismatch``, ``PromoCodeWithoutEffect``,
        ``AmountBelowMinimum``
    """
    wanted = keys.request_hash("invoice", tariff=tariff, promo_code=promo_code, currency=currency)
    keys.checked(key)
    wallet = locks.wallet_of(owner)
    if first := Invoice.objects.filter(wallet=wallet, idempotency_key=key).first():
        if bytes(first.request_hash) != wanted:
            raise errors.IdempotencyMismatch()
        return Created(first, replayed=True)
    sold = quotes.get_tariff_on_sale(tariff, wallet=wallet)
    code = quotes.get_valid_promo_code(promo_code, field="promo_code") if promo_code else None
    price = quotes.get_quote(wallet=wallet, tariff=sold, promo_code=code, currency=currency)
    invoice = _freeze(
        wallet, sold, price, code=code, key=key, request_hash=wanted, expires_at=clock.now() + _lifetime()
    )
    if code is not None:
        promo_codes.reserve(promo_code=code, invoice=invoice, by=by)
    if not price.amount:
        payments.settle_free(invoice_id=invoice.pk, by=by)
    invoice.refresh_from_db()
    return Created(invoice, replayed=False)


@operation
def issue(
    *, wallet: Wallet, tariff: Tariff, currency: str, key: str, by: Actor, expires_at: datetime | None = None
) -> Invoice:
    """
    Freeze today's price of a tariff for a customer who goes on with it: without a promo code, on sale or not. The same
    key gives the first invoice back.

    :param wallet: locked by the caller
    :param currency: the tariff's own, or ``XTR``
    :param key: the house's own, or a caller's
    :param expires_at: the usual lifetime from now by default
    :raises errors.IdempotencyMismatch: the key was used for another request
    :raises errors.CurrencyNotOffered: the tariff is not sold in this currency
    """
    wanted = keys.request_hash("renewal", tariff=tariff.pk, currency=currency)
    if first := Invoice.objects.filter(wallet=wallet, idempotency_key=key).first():
        if bytes(first.request_hash) != wanted:
            raise errors.IdempotencyMismatch()
        return first
    price = quotes.get_quote(wallet=wallet, tariff=tariff, currency=currency)
    until = expires_at or clock.now() + _lifetime()
    invoice = _freeze(wallet, tariff, price, key=key, request_hash=wanted, expires_at=until)
    invoice.refresh_from_db()
    return invoice


@operation
def repeat(*, of: Invoice, price: Money, key: str, by: Actor) -> Invoice:
    """
    Sell once more what an invoice sold, at the price that was agreed to then, whatever its tariff is now. Its promo
    code's bonus was for once.

    :param of: its wallet is locked by the caller
    :param price: one of its own
    """
    made = Invoice.objects.create(
        wallet_id=of.wallet_id,
        tariff_id=of.tariff_id,
        tariff_version=of.tariff_version,
        list_price=price.amount,
        amount=price.amount,
        currency=price.currency,
        tokens=of.tokens,
        token_validity_days=of.token_validity_days,
        subscription_days=of.subscription_days,
        period_months=of.period_months,
        family=of.family or of.tariff.subscription_family,
        change_policy=of.change_policy,
        grace_days=of.grace_days,
        idempotency_key=key,
        request_hash=keys.request_hash("repeat", of=of.pk, price=price),
        expires_at=clock.now() + _lifetime(),
    )
    made.refresh_from_db()
    return made


def _freeze(
    wallet: Wallet,
    tariff: Tariff,
    price: Price,
    *,
    key: str,
    request_hash: bytes,
    expires_at: datetime,
    code: PromoCode | None = None,
) -> Invoice:
    return Invoice.objects.create(
        wallet=wallet,
        tariff=tariff,
        tariff_version=tariff.version,
        promo_code=code,
        list_price=price.list_price.amount,
        discount_amount=price.discount.amount,
        amount=price.amount.amount,
        currency=price.amount.currency,
        amount_stars=price.amount_stars,
        tokens=tariff.tokens,
        bonus_tokens=price.bonus_tokens,
        token_validity_days=tariff.token_validity_days,
        subscription_days=tariff.subscription_days,
        period_months=tariff.period_months,
        family=tariff.subscription_family if tariff.subscription_days else "",
        change_policy=tariff.change_policy,
        grace_days=tariff.grace_days,
        idempotency_key=key,
        request_hash=request_hash,
        expires_at=expires_at,
    )


def _lifetime() -> timedelta:
    return timedelta(minutes=INVOICE_LIFETIME_MINUTES.get())


@operation
def cancel(*, invoice_id: UUID, by: Actor, reason: str = "", only_of: UUID | None = None) -> Invoice:
    """
    Withdraw an invoice and give its promo use back. Cancelling a cancelled one changes nothing.

    :param only_of: the user who acts, where they may withdraw their own alone
    :raises errors.InvoiceNotFound: there is no such invoice, or it is not theirs
    :raises errors.InvoiceNotPending: it was paid or has expired
    """
    _wallet, invoice = locks.invoice(invoice_id, only_of=only_of)
    if invoice.status == Invoice.Status.CANCELLED:
        return invoice
    if invoice.status != Invoice.Status.PENDING:
        raise errors.InvoiceNotPending(invoice_status=invoice.status)
    _close(invoice, Invoice.Status.CANCELLED, by=by)
    return invoice


@operation
def expire(*, invoice_id: UUID, by: Actor) -> bool:
    """
    Close an invoice whose time has passed and give its promo use back, once. One that was paid or cancelled in the
    meantime is left alone.

    :returns: whether it expired now
    :raises errors.InvoiceNotFound: there is no such invoice
    """
    _wallet, invoice = locks.invoice(invoice_id)
    if invoice.status != Invoice.Status.PENDING or invoice.expires_at > clock.now():
        return False
    _close(invoice, Invoice.Status.EXPIRED, by=by)
    return True


def _close(invoice: Invoice, status: Invoice.Status, *, by: Actor) -> None:
    invoice.status = status
    invoice.save(update_fields=["status"])
    promo_codes.release(invoice_id=invoice.pk, by=by)


def sweep(*, by: Actor) -> int:
    """
    Close every invoice whose time has passed, each in a transaction of its own.

    :returns: how many expired
    """
    expired = 0
    while due := list_due():
        expired += sum(expire(invoice_id=invoice_id, by=by) for invoice_id in due)
    return expired


def list_due(limit: int = 500) -> list[UUID]:
    """Pending invoices whose time has passed, at most ``limit``."""
    due = Invoice.objects.filter(status=Invoice.Status.PENDING, expires_at__lte=CoreNow())
    return list(due.order_by("expires_at").values_list("pk", flat=True)[:limit])
