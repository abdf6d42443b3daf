"""Dvorik's batch: a hundred charges in one statement."""

from __future__ import annotations

from collections.abc import Callable

from billing.operations.charge_batches import ChargeItem, charge_many
from billing.owners import Owner
from scripts.bench.ways.charge import BY
from scripts.bench.ways.wallets import new_keys, users_of

AT_ONCE = 100


def prepare(clients: int) -> None:
    """The customers are there."""


def client(number: int) -> Callable[[], int]:
    users, keys = users_of(number), new_keys()

    def charge() -> int:
        items = [ChargeItem(owner=Owner.user(next(users)), tokens=1, key=next(keys)) for _item in range(AT_ONCE)]
        results = charge_many(items=items, by=BY)
        return sum(result.status == "charged" for result in results)

    return charge
