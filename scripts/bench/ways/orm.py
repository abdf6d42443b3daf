"""The ORM way: a transaction, ``select_for_update``, ``save`` and ``create``, as in the common stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

from scripts.bench.ways.wallets import PER_CLIENT, new_keys


def prepare(clients: int) -> None:
    from scripts.bench.stack.shop.models import Customer, Wallet

    names = [f"customer-{number}" for number in range(clients * PER_CLIENT)]
    people = Customer.objects.bulk_create([Customer(username=name) for name in names])
    Wallet.objects.bulk_create([Wallet(customer=person, balance=10**9) for person in people])


def client(number: int) -> Callable[[], int]:
    from scripts.bench.stack.shop.charges import charge
    from scripts.bench.stack.shop.models import Customer

    names = [f"customer-{place}" for place in range(number * PER_CLIENT, (number + 1) * PER_CLIENT)]
    ids: Iterator[int] = cycle(list(Customer.objects.filter(username__in=names).values_list("pk", flat=True)))
    keys = new_keys()

    def work() -> int:
        charge(customer_id=next(ids), tokens=1, key=next(keys), description="", metadata={})
        return 1

    return work
