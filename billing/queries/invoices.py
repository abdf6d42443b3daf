"""Invoices as they are listed."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from billing import errors
from billing.models import Invoice
from billing.queries.owners import wallet_id_of


def list_invoices(
    *,
    user_id: UUID | None = None,
    company_id: UUID | None = None,
    status: str | None = None,
    only_of: UUID | None = None,
) -> QuerySet[Invoice]:
    """
    Invoices with their wallet, tariff and promo code.

    :param user_id: only this user's; nobody's, when there is no such user
    :param company_id: only this company's
    :param status: only those in this state
    :param only_of: the user who asks, where they may see their own alone
    """
    invoices = Invoice.objects.select_related("wallet", "tariff", "promo_code")
    for owner in {each for each in (user_id, only_of) if each is not None}:
        invoices = invoices.filter(wallet_id=wallet_id_of(user_id=owner))
    if company_id is not None:
        invoices = invoices.filter(wallet_id=wallet_id_of(company_id=company_id))
    if status is not None:
        invoices = invoices.filter(status=status)
    return invoices


def get_invoice(invoice_id: UUID, *, only_of: UUID | None = None) -> Invoice:
    """
    An invoice with its wallet, tariff and promo code.

    :param only_of: the user who asks, where they may see their own alone
    :raises errors.InvoiceNotFound: there is no such invoice, or it is not theirs
    """
    found = list_invoices(only_of=only_of).filter(pk=invoice_id).first()
    if found is None:
        raise errors.InvoiceNotFound(str(invoice_id))
    return found
