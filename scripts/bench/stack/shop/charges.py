"""The charge as the ORM is taught: lock, look, save, create."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from scripts.bench.stack.shop.models import Transaction, Wallet


class InsufficientFunds(Exception):
    """Less is left than was asked for."""


def charge(*, customer_id: int, tokens: int, key: str, description: str, metadata: dict[str, Any]) -> Transaction:
    """
    Take tokens from a customer's wallet, once for each key.

    :raises InsufficientFunds: less is left
    """
    with transaction.atomic():
        wallet = Wallet.objects.select_for_update().get(customer_id=customer_id)
        first = Transaction.objects.filter(wallet=wallet, idempotency_key=key).first()
        if first is not None:
            return first
        if wallet.balance < tokens:
            raise InsufficientFunds
        wallet.balance -= tokens
        wallet.save()
        return Transaction.objects.create(
            wallet=wallet,
            amount=-tokens,
            balance_after=wallet.balance,
            description=description,
            metadata=metadata,
            idempotency_key=key,
        )
