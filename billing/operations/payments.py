"""
Recording that money has arrived: one operation, whoever says so.

The invoice's wallet is locked first; ``billing_payment_is_one_per_provider_id`` stops the same payment from
counting twice and ``billing_payment_credits_an_invoice_once`` stops two payments from crediting one invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_noop

from audit.operations import alerts, records
from billing import errors, events, locks
from billing.models import Invoice, Payment, Transaction, Wallet
from billing.operations import credits, promo_codes
from billing.rules import keys
from core import clock
from core.actors import Actor
from core.database import operation
from core.errors import ValidationFailed
from core.money import MAX_MINOR_UNITS, Money

# Those that say that money has arrived; ``promo`` is the house's own word for that none has to.
_PROVIDERS: Final = tuple(each.value for each in Payment.Provider if each is not Payment.Provider.PROMO)


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    :param payment: the payment, kept whatever it did; its ``outcome`` says what that was
    :param invoice: the invoice afterwards
    :param replayed: whether an earlier call recorded it
    """

    payment: Payment
    invoice: Invoice
    replayed: bool

    def raise_for_mismatch(self) -> Recorded:
        """
        Refuse, now that the payment is kept. For doors, outside the transaction.

        :raises errors.PaymentMismatch: the amount or currency was not the invoice's
        """
        if self.payment.outcome == Payment.Outcome.MISMATCH:
            raise errors.PaymentMismatch(
                payment=str(self.payment.pk),
                expected={"amount": self.invoice.amount, "currency": self.invoice.currency},
                received={"amount": self.payment.amount, "currency": self.payment.currency},
            )
        return self


@operation
def record_success(
    *,
    invoice_id: UUID,
    provider: str,
    provider_payment_id: str,
    amount: Money,
    key: str,
    by: Actor,
    reason: str = "",
) -> Recorded:
    """
    Record a payment and give what was bought: mark the invoice paid, credit its tokens and bonus as lots (a debt is
    repaid first), extend the subscription, settle the promo use, announce. All or nothing. The same provider's id again
    gives the first answer and moves nothing.

    Money that arrived is always kept: a payment of another amount or currency, or a second one of a paid invoice, is
    stored, credited nowhere, and an operator is alerted. A payment is never refused because the invoice expired.

    :param amount: what arrived, in the invoice's currency or, for its price in Stars, in ``XTR``
    :param key: the caller's idempotency key, unique per invoice
    :raises core.errors.ValidationFailed: the provider is unknown, its id or the amount out of range
    :raises errors.InvoiceNotFound: there is no such invoice
    :raises errors.PaymentOfAnotherInvoice: the provider's payment is known for another invoice
    :raises errors.IdempotencyMismatch: the key or the provider's payment came with other facts before
    :raises core.errors.IdempotencyKeyInvalid: the key is none
    """
    _check(provider, provider_payment_id, amount)
    keys.checked(key)
    return _record(invoice_id, provider, provider_payment_id, amount, key=key, by=by)


@operation
def settle_free(*, invoice_id: UUID, by: Actor) -> Recorded:
    """
    Settle an invoice that a discount covers whole, as provider ``promo``: no provider is called.

    :raises core.errors.ValidationFailed: it asks for money
    :raises errors.InvoiceNotFound: there is no such invoice
    """
    _wallet, invoice = locks.invoice(invoice_id)
    if invoice.amount:
        raise ValidationFailed(fields={"invoice_id": [str(invoice.amount_money)]})
    return _record(
        invoice_id,
        Payment.Provider.PROMO,
        f"promo:{invoice_id}",
        invoice.amount_money,
        key=keys.own("invoice", invoice_id, "free"),
        by=by,
    )


def _record(
    invoice_id: UUID, provider: str, provider_payment_id: str, amount: Money, *, key: str, by: Actor
) -> Recorded:
    wallet, invoice = locks.invoice(invoice_id)
    # Look for a replay only after the lock: two reports of one payment may arrive together.
    if first := _find_first(invoice, provider, provider_payment_id, key):
        _refuse_other_facts(first, invoice, provider_payment_id, amount)
        return Recorded(first, invoice, replayed=True)
    outcome = _outcome(invoice, amount)
    payment = Payment.objects.create(
        provider=provider,
        provider_payment_id=provider_payment_id,
        invoice=invoice,
        amount=amount.amount,
        currency=amount.currency,
        status=Payment.Status.SUCCEEDED,
        outcome=outcome,
        idempotency_key=key,
    )
    if outcome == Payment.Outcome.CREDITED:
        _settle(wallet, invoice, payment, by=by)
    else:
        _keep_aside(invoice, payment, by=by)
    return Recorded(payment, invoice, replayed=False)


def _check(provider: str, provider_payment_id: str, amount: Money) -> None:
    wrong: dict[str, list[str]] = {}
    if provider not in _PROVIDERS:
        wrong["provider"] = [", ".join(_PROVIDERS)]
    if not 1 <= len(provider_payment_id) <= 255:
        wrong["provider_payment_id"] = ["1 … 255"]
    if not 1 <= amount.amount <= MAX_MINOR_UNITS:
        wrong["amount"] = [f"1 … {MAX_MINOR_UNITS}"]
    if wrong:
        raise ValidationFailed(fields=wrong)


def _find_first(invoice: Invoice, provider: str, provider_payment_id: str, key: str) -> Payment | None:
    same = Payment.objects.filter(provider=provider, provider_payment_id=provider_payment_id).first()
    # Keys are per invoice: two callers who number their requests alike must not stand in each other's way.
    return same or Payment.objects.filter(invoice=invoice, idempotency_key=key).first()


def _refuse_other_facts(first: Payment, invoice: Invoice, provider_payment_id: str, amount: Money) -> None:
    if first.invoice_id != invoice.pk:
        raise errors.PaymentOfAnotherInvoice()
    if first.provider_payment_id != provider_payment_id or first.amount_money != amount:
        raise errors.IdempotencyMismatch()


def _outcome(invoice: Invoice, amount: Money) -> Payment.Outcome:
    quotes = {invoice.amount_money}
    if invoice.amount_stars is not None:
        quotes.add(Money(invoice.amount_stars, "XTR"))
    if invoice.status not in (Invoice.Status.PENDING, Invoice.Status.EXPIRED):
        return Payment.Outcome.SURPLUS
    return Payment.Outcome.CREDITED if amount in quotes else Payment.Outcome.MISMATCH


def _settle(wallet: Wallet, invoice: Invoice, payment: Payment, *, by: Actor) -> None:
    moment = clock.now()
    expires_at = moment + timedelta(days=invoice.token_validity_days) if invoice.token_validity_days else None
    for type, tokens in (
        (Transaction.Type.PURCHASE, invoice.tokens),
        (Transaction.Type.BONUS, invoice.bonus_tokens),
    ):
        if tokens:
            credits.add(
                wallet_id=wallet.pk,
                type=type,
                tokens=tokens,
                key=keys.own("invoice", invoice.pk, type),
                by=by,
                description=invoice.tariff.name[:255],
                metadata={"payment": str(payment.pk)},
                invoice_id=invoice.pk,
                expires_at=expires_at,
            )
    if invoice.subscription_days:
        start = max(moment, wallet.subscription_end or moment)
        Wallet.objects.filter(pk=wallet.pk).update(
            subscription_end=start + timedelta(seconds=86_400 * invoice.subscription_days)
        )
    promo_codes.apply(invoice=invoice, by=by)
    year = moment.astimezone(ZoneInfo(settings.TIME_ZONE)).year
    invoice.status = Invoice.Status.PAID
    invoice.paid_at = moment
    invoice.number_year, invoice.number_in_year = year, _next_number(year)
    invoice.save(update_fields=["status", "paid_at", "number_year", "number_in_year"])
    records.record(
        "billing.payment.recorded",
        entity=payment,
        by=by,
        invoice=str(invoice.pk),
        provider=payment.provider,
        amount=str(payment.amount_money),
    )
    events.announce_invoice_paid(invoice.pk)


def _next_number(year: int) -> int:
    """
    The year's next invoice number. The counter's row stays locked until the transaction ends and goes back with it,
    so that numbers have no gaps.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_invoicecounter AS c (year, last_number) VALUES (%s::smallint, 1) "
            "ON CONFLICT (year) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number",
            [year],
        )
        number: int = cursor.fetchone()[0]
    return number


def _keep_aside(invoice: Invoice, payment: Payment, *, by: Actor) -> None:
    surplus = payment.outcome == Payment.Outcome.SURPLUS
    records.record(
        "billing.payment.surplus" if surplus else "billing.payment.mismatch",
        entity=payment,
        by=by,
        invoice=str(invoice.pk),
        expected=str(invoice.amount_money),
        received=str(payment.amount_money),
    )
    alerts.raise_alert(
        f"billing.payment_{payment.outcome}:{payment.pk}",
        severity="critical",
        title=(
            gettext_noop("Money arrived for an invoice that needs none")
            if surplus
            else gettext_noop("A payment does not match its invoice")
        ),
        body=f"{payment.provider} {payment.provider_payment_id}: {payment.amount_money}",
        payment=str(payment.pk),
        invoice=str(invoice.pk),
    )
