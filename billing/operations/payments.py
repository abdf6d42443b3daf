"""
Recording that money has arrived: one operation, whoever says so.

The invoice's wallet is locked first; ``billing_payment_is_one_per_provider_id`` stops the same payment from
counting twice and ``billing_payment_credits_an_invoice_once`` stops two payments from crediting one invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from billing import errors, locks
from billing.models import Invoice, Payment
from billing.operations import payment_events
from billing.rules import keys
from billing.rules.payment_events import Fact, Kind
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
    locks.wallets_of_invoice(invoice_id)
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
    _wallet, invoice = locks.invoice(invoice_id)
    # Look for a replay only after the lock: two reports of one payment may arrive together.
    first = _find_first(invoice, provider, provider_payment_id, key)
    if first is not None and first.outcome != Payment.Outcome.AWAITED:
        _refuse_other_facts(first, invoice, provider_payment_id, amount)
        return Recorded(first, invoice, replayed=True)
    # Begun at a provider, and not known to have arrived: this report is the first of its money.
    if first is not None and first.invoice_id != invoice.pk:
        raise errors.PaymentOfAnotherInvoice()
    fact = Fact(
        provider=provider,
        event_id=provider_payment_id,
        kind=Kind.SUCCEEDED,
        payment_id=provider_payment_id,
        occurred_at=clock.now(),
        source="caller",
        amount=amount,
        invoice_id=invoice_id,
    )
    heard = payment_events.hear(fact, key=key, by=by)
    invoice.refresh_from_db()
    return Recorded(_known(heard.payment), invoice, replayed=False)


def _known(payment: Payment | None) -> Payment:
    if payment is None:
        raise RuntimeError("money that has arrived for an invoice is a payment")
    return payment


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
