"""Operations as tests call them: on a wallet, by the tester, with a key of their own unless one is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.models import Hold, Invoice, SubscriptionPeriod, Transaction, Wallet
from billing.operations import charges, holds, payments
from billing.operations.charges import Charged
from billing.operations.payments import Recorded
from billing.owners import Owner
from billing.queries import balances
from billing.tests.factories import TESTER, new_key
from core.money import Money


def charge(
    wallet: Wallet,
    tokens: int = 1,
    *,
    key: str | None = None,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Charged:
    return charges.charge(
        owner=Owner.wallet(wallet.pk),
        tokens=tokens,
        key=key or new_key(),
        description=description,
        metadata=metadata,
        by=TESTER,
    )


def hold(wallet: Wallet, tokens: int = 1, *, key: str | None = None, expires_in: int = holds.DEFAULT_SECONDS) -> Hold:
    owner = Owner.wallet(wallet.pk)
    return holds.place(owner=owner, tokens=tokens, key=key or new_key(), expires_in=expires_in, by=TESTER).hold


def pay(
    invoice: Invoice, amount: Money | None = None, *, provider_payment_id: str | None = None, key: str | None = None
) -> Recorded:
    return payments.record_success(
        invoice_id=invoice.pk,
        provider="manual",
        provider_payment_id=provider_payment_id or f"receipt of {invoice.pk}",
        amount=amount or invoice.amount_money,
        key=key or new_key(),
        by=TESTER,
    )


def bill(period: SubscriptionPeriod) -> Invoice:
    """What paid for a period."""
    assert period.invoice is not None
    return period.invoice


def shown(wallet: Wallet) -> tuple[int, int]:
    """The balance and the available tokens as the owner is shown them."""
    balance = balances.get_balance(Owner.wallet(wallet.pk))
    return balance.token_balance, balance.available_tokens


def booked(wallet: Wallet) -> tuple[int, int, int]:
    """Balance, held tokens and version, as the wallet's row has them."""
    wallet.refresh_from_db()
    return wallet.token_balance, wallet.held_tokens, wallet.balance_version


def ledger(wallet: Wallet) -> list[tuple[str, int, int]]:
    """The rows of a wallet: type, delta and balance after."""
    rows = Transaction.objects.filter(wallet=wallet).order_by("sequence")
    return list(rows.values_list("type", "tokens_delta", "balance_after"))


def assert_books_are_true(wallet: Wallet) -> None:
    """I1, I2 and I3 of one wallet, and that its lots are its balance."""
    wallet.refresh_from_db()
    rows = ledger(wallet)
    running = 0
    for _type, delta, after in rows:
        running += delta
        assert after == running
    sequences = Transaction.objects.filter(wallet=wallet).order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, len(rows) + 1))
    assert wallet.token_balance == running
    assert wallet.balance_version == len(rows)
    held = sum(Hold.objects.filter(wallet=wallet, state="open").values_list("tokens", flat=True))
    assert wallet.held_tokens == held <= wallet.token_balance
