"""The ledger, the invoices and the key figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, Transaction
from billing.queries.kpi_rows import KpiRow, list_rows
from core.exports import Column, register
from core.money import EXPONENTS

_OWNERS: Final = ("wallet__user", "wallet__company")


def _owner_id(row: Transaction | Invoice) -> str:
    return str(row.wallet.user_id or row.wallet.company_id)


def _owner(row: Transaction | Invoice) -> str:
    return str(row.wallet.user or row.wallet.company)


def _id(value: object) -> str | None:
    return None if value is None else str(value)


def _major(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-EXPONENTS[currency])


LEDGER: Final = register(
    name="ledger",
    title=_("Ledger"),
    related=_OWNERS,
    columns=(
        Column(_("row"), lambda row: str(row.pk)),
        Column(_("when"), lambda row: row.created_at),
        Column(_("customer's id"), _owner_id),
        Column(_("customer"), _owner),
        Column(_("number in the wallet"), lambda row: row.sequence),
        Column(_("type"), lambda row: row.type),
        Column(_("tokens"), lambda row: row.tokens_delta),
        Column(_("balance after"), lambda row: row.balance_after),
        Column(_("description"), lambda row: row.description),
        Column(_("invoice"), lambda row: _id(row.invoice_id)),
        Column(_("hold"), lambda row: _id(row.hold_id)),
        Column(_("takes from"), lambda row: _id(row.reverses_id)),
        Column(_("expires"), lambda row: row.expires_at),
        Column(_("who"), lambda row: str(row.actor.get("label") or row.actor.get("kind") or "")),
        Column(_("idempotency key"), lambda row: row.idempotency_key),
    ),
)

INVOICES: Final = register(
    name="invoices",
    title=_("Invoices"),
    related=("tariff", "promo_code", *_OWNERS),
    columns=(
        Column(_("invoice"), lambda row: str(row.pk)),
        Column(_("number"), lambda row: row.number or ""),
        Column(_("status"), lambda row: row.status),
        Column(_("customer's id"), _owner_id),
        Column(_("customer"), _owner),
        Column(_("tariff"), lambda row: row.tariff.slug),
        Column(_("promo code"), lambda row: row.promo_code.code if row.promo_code else None),
        Column(_("list price"), lambda row: _major(row.list_price, row.currency)),
        Column(_("discount"), lambda row: _major(row.discount_amount, row.currency)),
        Column(_("to pay"), lambda row: _major(row.amount, row.currency)),
        Column(_("currency"), lambda row: row.currency),
        Column(_("tokens"), lambda row: row.tokens),
        Column(_("bonus tokens"), lambda row: row.bonus_tokens),
        Column(_("created"), lambda row: row.created_at),
        Column(_("expires"), lambda row: row.expires_at),
        Column(_("paid"), lambda row: row.paid_at),
    ),
)


def _key_figures(query: str) -> Sequence[KpiRow]:
    # Pages of Admin are made once all apps are there.
    from billing.admin.kpi_period import form_of

    form = form_of(QueryDict(query).dict())
    return list_rows(form.asked.period, currency=form.asked.currency, names=form.names)


KPIS: Final = register(
    name="kpis",
    title=_("Key figures"),
    compute=_key_figures,
    columns=(
        Column(_("day"), lambda row: row.day.isoformat()),
        Column(_("tariff"), lambda row: row.tariff),
        Column(_("currency"), lambda row: row.currency),
        Column(_("revenue"), lambda row: _major(row.figures["revenue"], row.currency)),
        Column(_("went back"), lambda row: _major(row.figures["returned"], row.currency)),
        Column(_("MRR"), lambda row: _major(row.figures["recurring"], row.currency)),
        Column(_("active subscriptions"), lambda row: row.figures["active"]),
        Column(_("on trial"), lambda row: row.figures["trialing"]),
        Column(_("new"), lambda row: row.figures["began"]),
        Column(_("churned"), lambda row: row.figures["churned"]),
        Column(_("trials"), lambda row: row.figures["trials"]),
        Column(_("paid for since"), lambda row: row.figures["converted"]),
        Column(_("tokens outstanding"), lambda row: row.liability),
    ),
)
