"""Which customers a client charges, and with which keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, cycle
from uuid import UUID, uuid4

from scripts.bench.fill import user_id

# Each client has customers of its own, unless all of them are to meet at one wallet.
PER_CLIENT = 50


def users_of(client: int) -> Iterator[UUID]:
    """The customers that a client charges in turn, without an end. The first one has the long ledger."""
    if os.environ.get("BENCH_WALLETS") == "one":
        return cycle([user_id(2)])
    first = client * PER_CLIENT + 2
    return cycle([user_id(number) for number in range(first, first + PER_CLIENT)])


def new_keys() -> Iterator[str]:
    """Idempotency keys that nobody has used."""
    mark = uuid4().hex[:12]
    return (f"{mark}-{number}" for number in count())
