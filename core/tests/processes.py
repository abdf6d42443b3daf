"""Processes of the house that tests start beside themselves, on the tests' own database."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from core.tests import application, interpreters

ROOT: Final = interpreters.ROOT
# What would point a process at another database or change how it serves.
_FOREIGN: Final = ("REDIS_URL", "BIND", "PORT", "WEB_WORKERS", "WEB_THREADS", "LOG_LEVEL")


def environment(home: Path) -> dict[str, str]:
    """
    The environment of a process that works on the tests' database.

    :param home: where it may keep files
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _FOREIGN and not name.startswith(("PG", "COV_", "PYTEST_"))
    }
    return application.environment(kept) | {
        "DVORIK_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }


def manage(home: Path, *arguments: str, says: str = "") -> subprocess.CompletedProcess[str]:
    """
    Run a command of ``manage.py`` to its end.

    :param says: what stands on its standard input
    """
    return interpreters.run(["manage.py", *arguments], environment=environment(home), says=says)
