"""Checks the books: ``python -m scripts.bench.probes.books full`` or ``since``."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import django

django.setup()


def main() -> int:
    from billing.operations import reconciliation
    from core.actors import SYSTEM

    begun = perf_counter()
    report = reconciliation.run(by=SYSTEM, full=sys.argv[1] == "full")
    seconds = perf_counter() - begun
    if not report.is_clean:
        raise SystemExit("\n".join(map(str, report.divergences)))
    print(json.dumps({"seconds": seconds, "rows": report.rows, "wallets": report.wallets}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
