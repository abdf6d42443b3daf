"""
Bringing what a payment has taken back to what is claimed of it.

Its caller holds the locks of the wallet and the payment. Called twice it moves nothing the second time: it books the
difference between what is claimed and what ``Payment.taken_tokens`` and ``debt_tokens`` say is booked.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Sum

from billing.models import Dispute, Payment, Refund, Transaction, Wallet
from billing.operations import credits, expirations
from billing.queries.purchases import Bought, get_bought
from billing.rules import keys
from billing.rules.taking_back import Step, is_settled, next_step
from core.actors import Actor


def converge(wallet: Wallet, payment: Payment, *, type: Transaction.Type, by: Actor) -> Step:
    """
    Book what is still to be booked for a payment's refunds and disputes.

    :param type: of the ledger's rows: ``refund`` or ``chargeback``
    :returns: what was moved
    """
    if payment.outcome != Payment.Outcome.CREDITED:
        return Step()
    given = payment.invoice.tokens + payment.invoice.bonus_tokens
    disputes = set(payment.disputes.values_list("state", flat=True))
    claimed = given if Dispute.State.LOST in disputes else min(_claimed(payment), given)
    frozen = Dispute.State.OPEN in disputes
    if is_settled(given=given, taken=payment.taken_tokens, debt=payment.debt_tokens, claimed=claimed, frozen=frozen):
        return Step()
    expirations.book(wallet_id=wallet.pk, by=by)
    wallet.refresh_from_db()
    bought = get_bought(wallet, payment)
    step = next_step(bought.purchase, claimed=claimed, frozen=frozen)
    if step == Step():
        return step
    _take(wallet, payment, bought, step.take, type=type, by=by)
    forgiven = min(step.forgive, wallet.debt_tokens)
    if step.owe or forgiven:
        Wallet.objects.filter(pk=wallet.pk).update(debt_tokens=F("debt_tokens") + step.owe - forgiven)
    first = bought.lots[0][0]
    _give_back(wallet, payment, first, step.give_back, invoice_id=payment.invoice_id, by=by)
    # A debt that a later purchase has repaid comes back as tokens of nobody's purchase.
    _give_back(wallet, payment, first, step.forgive - forgiven, invoice_id=None, by=by)
    payment.taken_tokens += step.take - step.give_back
    payment.debt_tokens += step.owe - step.forgive
    payment.save(update_fields=["taken_tokens", "debt_tokens"])
    wallet.refresh_from_db()
    return step


def _claimed(payment: Payment) -> int:
    claims = payment.refunds.exclude(state=Refund.State.FAILED).aggregate(tokens=Sum("claimed_tokens"))
    return int(claims["tokens"] or 0)


def _take(wallet: Wallet, payment: Payment, bought: Bought, tokens: int, *, type: Transaction.Type, by: Actor) -> None:
    for lot, left in bought.lots:
        part = min(tokens, left)
        if part:
            # The version tells apart what is taken from one lot at different times.
            version = Wallet.objects.values_list("balance_version", flat=True).get(pk=wallet.pk)
            credits.reverse(
                lot_id=lot.pk,
                tokens=part,
                type=type,
                key=keys.own("payment", payment.pk, "taken", version),
                by=by,
                description=lot.description,
            )
            tokens -= part


def _give_back(
    wallet: Wallet, payment: Payment, lot: Transaction, tokens: int, *, invoice_id: UUID | None, by: Actor
) -> None:
    if tokens:
        version = Wallet.objects.values_list("balance_version", flat=True).get(pk=wallet.pk)
        credits.add(
            wallet_id=wallet.pk,
            type=Transaction.Type.ADJUSTMENT,
            tokens=tokens,
            key=keys.own("payment", payment.pk, "given-back", version),
            by=by,
            description=lot.description,
            metadata={"payment": str(payment.pk), "given_back": tokens},
            invoice_id=invoice_id,
            expires_at=lot.expires_at,
        )
