"""
Where the processes of one web server count together. prometheus-client decides when it is imported whether it counts in
files, so nothing here imports it before the folder is known.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# prometheus-client's own name.
VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def use(folder: Path) -> None:
    """
    Have the processes that are started from here count in a folder. What an earlier web server left there is removed.

    :raises OSError: it cannot be written to
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink(missing_ok=True)
    os.environ.update({VARIABLE: str(folder)})


def is_used() -> bool:
    """Whether this process counts together with others."""
    return bool(os.environ.get(VARIABLE))


def forget(pid: int) -> None:
    """Drop what a process that has ended told of its present; what it counted stays counted."""
    if is_used():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # it carries no types
