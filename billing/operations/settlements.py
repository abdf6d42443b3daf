"""
What a payment brings about: the invoice is paid, its tokens are credited; or the money is kept aside.

Each function takes rows that its caller has locked: the wallet, then the invoice.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_noop

from audit.operations import alerts, records
from billing import events
from billing.models import Invoice, Payment, Transaction, Wallet
from billing.operations import announcements, credits, periods, promo_codes, referrals
from billing.rules import keys
from core import clock
from core.actors import Actor
from core.money import Money


def outcome(invoice: Invoice, amount: Money) -> Payment.Outcome:
    """What money of this amount does to an invoice as it stands."""
    if invoice.status not in (Invoice.Status.PENDING, Invoice.Status.EXPIRED):
        return Payment.Outcome.SURPLUS
    return Payment.Outcome.CREDITED if amount in invoice.prices else Payment.Outcome.MISMATCH


def settle(wallet: Wallet, invoice: Invoice, payment: Payment, *, by: Actor) -> None:
    """
    Give what was bought: tokens and bonus as lots (a debt is repaid first), the subscription, the promo use, a number.
    ``billing_payment_credits_an_invoice_once`` stops a second payment from doing it.
    """
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
    promo_codes.apply(invoice=invoice, by=by)
    periods.add(wallet=wallet, invoice=invoice, moment=moment, by=by)
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
    referrals.qualify(wallet=wallet, invoice=invoice, payment=payment, by=by)
    announcements.announce(
        "invoice.paid", wallet_id=wallet.pk, invoice=invoice.pk, payment=payment.pk, number=invoice.number
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


def keep_aside(invoice: Invoice, payment: Payment, *, by: Actor) -> None:
    """Money that arrived and fits nothing: kept, credited nowhere, and an operator is told."""
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
