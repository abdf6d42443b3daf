"""django-hordak: lock the account, ask its balance, transfer to the income. It knows no idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from scripts.bench.ways.wallets import PER_CLIENT


def prepare(clients: int) -> None:
    from django.db import transaction
    from hordak.models import Account, AccountType
    from moneyed import Money

    with transaction.atomic():
        bank = Account.objects.create(name="Bank", code="1", type=AccountType.asset, currencies=["EUR"])
        Account.objects.create(name="Income", code="2", type=AccountType.income, currencies=["EUR"])
        for number in range(clients * PER_CLIENT):
            owed = Account.objects.create(
                name=f"Customer {number}", code=str(10 + number), type=AccountType.liability, currencies=["EUR"]
            )
            owed.transfer_to(bank, Money(10**9, "EUR"))


def client(number: int) -> Callable[[], int]:
    from django.db import transaction
    from hordak.models import Account
    from hordak.utilities.currency import Balance
    from moneyed import Money

    names = [f"Customer {place}" for place in range(number * PER_CLIENT, (number + 1) * PER_CLIENT)]
    accounts = cycle(list(Account.objects.filter(name__in=names).values_list("pk", flat=True)))
    income = Account.objects.get(name="Income")
    price = Money(1, "EUR")

    def transfer() -> int:
        with transaction.atomic():
            account = Account.objects.select_for_update().get(pk=next(accounts))
            if account.get_balance() < Balance([price]):
                raise RuntimeError("the balance is too small")
            income.transfer_to(account, price)
        return 1

    return transfer
