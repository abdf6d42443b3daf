"""The ledger as it is listed."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.models import Transaction
from billing.owners import Owner
from billing.queries import balances


def list_transactions(owner: Owner) -> QuerySet[Transaction]:
    """
    The ledger of one wallet.

    :raises billing.errors.WalletNotFound: there is no such wallet
    """
    return Transaction.objects.filter(wallet=balances.get_wallet(owner))
