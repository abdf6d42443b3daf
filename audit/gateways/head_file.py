"""A file of the chains' heads, on a disk or a share that the database's owner cannot rewrite."""

from __future__ import annotations

import os

from audit.gateways.undelivered import Undelivered


def append(path: str, text: str) -> None:
    """
    Add lines to the file and see them on the disk.

    :raises Undelivered: they could not be written
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as failure:
        raise Undelivered(f"The file of heads could not be written: {failure.strerror}") from None
