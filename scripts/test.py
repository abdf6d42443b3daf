"""
``make test``: the whole suite in parallel, against a PostgreSQL of its own.

``DATABASE_URL`` or ``POSTGRES_HOST`` point it at another server. Arguments go to pytest; with any, only those
tests run. ``make coverage`` measures besides which lines no test reaches, which takes half as long again.
"""

import os
import sys

from scripts import foreground
from scripts.temporary_server import is_elsewhere, temporary_server

# Waiting for the database leaves the processors free: more workers than processors.
WORKERS = os.environ.get("TEST_WORKERS", str((os.cpu_count() or 1) + 1))


def main() -> int:
    arguments = sys.argv[1:]
    where = "the server of DATABASE_URL or POSTGRES_HOST" if is_elsewhere() else "a PostgreSQL of its own"
    print(f"Testing against {where}, with {WORKERS} workers.", flush=True)
    with temporary_server() as environment:
        environment["ENV"] = "test"
        # Workers, and the servers and commands that tests start, would each compile the whole house anew.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        pytest = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist=worksteal", *arguments]
        return foreground.run(pytest, environment=environment)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
