"""A wallet's ledger as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from billing.models import Hold, Payment, Transaction
from billing.owners import Owner
from billing.queries import balances
from billing.queries.balances import Balance


@dataclass(frozen=True, slots=True)
class Line:
    """
    One ledger row, with what it came from.

    :param who: the actor, as the row recorded it
    :param because: invoice, promo code, provider's payment, hold or lot, in words of the active language
    :param payment: what paid its invoice
    """

    transaction: Transaction
    who: str
    because: tuple[str, ...]
    payment: Payment | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    :param balance: what the owner is shown now
    :param lines: ledger rows, the newest first
    :param older: how many older rows are not shown
    :param unswept: tokens that have expired but are not booked yet
    """

    balance: Balance
    lines: list[Line]
    older: int
    open_holds: list[Hold]
    unswept: int


def explain_balance(owner: Owner, *, limit: int = 200, before: int | None = None) -> Explanation:
    """
    Explain a wallet's balance: the ledger with its lots, actors, invoices and providers' ids.

    :param limit: how many ledger rows at the most
    :param before: only rows with a smaller sequence, to page back
    :raises billing.errors.WalletNotFound: there is no such wallet
    """
    balance = balances.get_balance(owner)
    rows = Transaction.objects.filter(wallet=balance.wallet, sequence__lte=balance.wallet.balance_version)
    if before is not None:
        rows = rows.filter(sequence__lt=before)
    shown = list(rows.select_related("invoice__promo_code", "hold", "reverses").order_by("-sequence")[:limit])
    payments = _payments_of({row.invoice_id for row in shown if row.invoice_id is not None})
    return Explanation(
        balance=balance,
        lines=[_line(row, payments) for row in shown],
        # Sequences have no gaps: what is older needs no counting.
        older=shown[-1].sequence - 1 if shown else 0,
        open_holds=list(balance.wallet.holds.filter(state=Hold.State.OPEN).order_by("expires_at")),
        unswept=balance.wallet.token_balance - balance.token_balance,
    )


def _payments_of(invoice_ids: set[UUID]) -> Mapping[UUID, Payment]:
    credited = Payment.objects.filter(invoice_id__in=invoice_ids, outcome=Payment.Outcome.CREDITED)
    return {payment.invoice_id: payment for payment in credited}


def _line(row: Transaction, payments: Mapping[UUID, Payment]) -> Line:
    because: list[str] = []
    payment = payments.get(row.invoice.pk) if row.invoice is not None else None
    if row.invoice is not None:
        asked = {"invoice": row.invoice, "amount": row.invoice.amount_money}
        because.append(_("invoice %(invoice)s of %(amount)s") % asked)
        if row.invoice.promo_code is not None:
            because.append(_("promo code %(code)s") % {"code": row.invoice.promo_code.code})
        if payment is not None:
            paid = {"provider": payment.get_provider_display(), "id": payment.provider_payment_id}
            because.append(_("payment %(provider)s %(id)s") % paid)
    if row.hold is not None:
        because.append(_("hold %(hold)s of %(tokens)d") % {"hold": row.hold.pk, "tokens": row.hold.tokens})
    if row.reverses is not None:
        lot = {
            "type": row.reverses.get_type_display(),
            "day": _day(row.reverses.created_at),
            "sequence": row.reverses.sequence,
        }
        because.append(_("from the %(type)s of %(day)s (no. %(sequence)d)") % lot)
    if row.expires_at is not None:
        because.append(_("expires %(day)s") % {"day": _day(row.expires_at)})
    return Line(row, str(row.actor.get("label") or row.actor.get("kind") or ""), tuple(because), payment)


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
