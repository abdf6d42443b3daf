"""
``make test``: the whole suite in parallel, with coverage, against a PostgreSQL of its own.

``DATABASE_URL`` or ``POSTGRES_HOST`` point it at another server. Arguments go to pytest; with any, only those
tests run, and without coverage.
"""

import os
import sys

from scripts import foreground
from scripts.temporary_server import is_elsewhere, temporary_server

# Waiting for the database leaves the processors free: more workers than processors.
WORKERS = os.environ.get("TEST_WORKERS", str((os.cpu_count() or 1) + 1))
WHOLE_SUITE = ["--cov", "--cov-report=term:skip-covered", "--cov-report=html:var/coverage"]


def main() -> int:
    arguments = sys.argv[1:] or WHOLE_SUITE
    where = "the server of DATABASE_URL or POSTGRES_HOST" if is_elsewhere() else "a PostgreSQL of its own"
    print(f"Testing against {where}, with {WORKERS} workers.", flush=True)
    with temporary_server() as environment:
        environment["ENV"] = "test"
        pytest = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist=worksteal", *arguments]
        return foreground.run(pytest, environment=environment)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
