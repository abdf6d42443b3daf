"""Dvorik's charge, by its operation."""

from __future__ import annotations

from collections.abc import Callable

from billing.operations import charges
from billing.owners import Owner
from core.actors import Actor
from scripts.bench.ways.wallets import new_keys, users_of

BY = Actor(kind="api_key", id="01900000-0000-7009-8000-000000000001", label="bench")


def prepare(clients: int) -> None:
    """The customers are there."""


def client(number: int) -> Callable[[], int]:
    users, keys = users_of(number), new_keys()

    def charge() -> int:
        charges.charge(owner=Owner.user(next(users)), tokens=1, key=next(keys), by=BY)
        return 1

    return charge
