"""The first page of each list against its last: ``python -m scripts.bench.probes.pages <rounds>``."""

from __future__ import annotations

import json
import sys
from statistics import median
from time import perf_counter
from typing import Any

import django

django.setup()

from django.db.models import Model, QuerySet  # noqa: E402 (Django first)

from accounts.queries import list_users  # noqa: E402 (Django first)
from audit.queries import list_logs  # noqa: E402 (Django first)
from billing.owners import Owner  # noqa: E402 (Django first)
from billing.queries.invoices import list_invoices  # noqa: E402 (Django first)
from billing.queries.transactions import list_transactions  # noqa: E402 (Django first)
from core.api.pagination import Keyset  # noqa: E402 (Django first)
from scripts.bench.fill import user_id  # noqa: E402 (Django first)

LIMIT = 50
READS = 20


def lists() -> dict[str, tuple[QuerySet[Any], Keyset]]:
    """The long lists of the API, each in its order."""
    return {
        "a customer's ledger": (list_transactions(Owner.user(user_id(1))), Keyset("-sequence")),
        "customers": (list_users(), Keyset("-created_at", "-id")),
        "invoices": (list_invoices(), Keyset("-id")),
        "expired invoices": (list_invoices(status="expired"), Keyset("-id")),
        "the audit log": (list_logs(), Keyset("-id")),
    }


def last_cursor(rows: QuerySet[Model], order: Keyset) -> str:
    """The cursor that a reader holds who has only the last page before them."""
    rising = [name if order.descending else f"-{name}" for name in order.names]
    before = rows.order_by(*rising)[LIMIT]
    return order._write("next", before)


def main() -> int:
    rounds, answers = int(sys.argv[1]), {}
    for name, (rows, order) in lists().items():
        cursor = last_cursor(rows, order)
        last = order.page(rows, limit=LIMIT, cursor=cursor)
        if len(last.rows) != LIMIT or last.next is not None:
            raise SystemExit(f"{name}: this is not the last page")
        ratios = []
        for _round in range(rounds):
            firsts, lasts = [], []
            for _read in range(READS):
                firsts.append(_seconds(rows, order, None))
                lasts.append(_seconds(rows, order, cursor))
            ratios.append(median(lasts) / median(firsts))
        answers[name] = {"ratios": ratios, "rows": rows.count(), "ms": median(firsts) * 1000}
    print(json.dumps(answers))
    return 0


def _seconds(rows: QuerySet[Model], order: Keyset, cursor: str | None) -> float:
    begun = perf_counter()
    order.page(rows, limit=LIMIT, cursor=cursor)
    return perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
