"""
Taking rows so that nobody else may.

One fixed order: company → wallets by id → promo code → payment → subscription → invoice counter. Whatever an invoice,
a hold or a redemption goes through, its wallet is locked first.
"""

from uuid import UUID

from billing import errors
from billing.models import Invoice, Tariff, Wallet
from billing.owners import Owner


def wallet(wallet_id: UUID) -> Wallet:
    """
    Lock a wallet against everything that moves its tokens.

    :raises errors.WalletNotFound: there is no such wallet
    """
    # NO KEY: rows that refer to the wallet may still be inserted by others.
    found = Wallet.objects.select_for_update(no_key=True).filter(pk=wallet_id).first()
    if found is None:
        raise errors.WalletNotFound(str(wallet_id))
    return found


def wallet_of(owner: Owner) -> Wallet:
    """
    Lock the wallet that an owner names.

    :raises errors.WalletNotFound: there is no such wallet
    """
    found = Wallet.objects.select_for_update(no_key=True, of=("self",)).filter(owner.narrowed()).first()
    if found is None:
        raise errors.WalletNotFound(str(owner))
    return found


def invoice(invoice_id: UUID) -> tuple[Wallet, Invoice]:
    """
    Lock an invoice's wallet, then the invoice.

    :raises errors.InvoiceNotFound: there is no such invoice
    """
    # An invoice never changes its wallet, so that reading it before the lock is safe.
    wallet_id = Invoice.objects.filter(pk=invoice_id).values_list("wallet_id", flat=True).first()
    if wallet_id is None:
        raise errors.InvoiceNotFound(str(invoice_id))
    locked = wallet(wallet_id)
    return locked, Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)


def tariff(slug: str) -> Tariff:
    """
    Lock a tariff for editing.

    :raises errors.TariffNotFound: there is no such tariff
    """
    found = Tariff.objects.select_for_update().filter(slug=slug).first()
    if found is None:
        raise errors.TariffNotFound(slug)
    return found
