"""
Kombu's broker of files, made safe to share and to lose.

Kombu's own writes a message in place, so that a reader can meet an empty file; takes messages by way of the
machine's common temporary folder; and stops its worker when the folder is gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


# What a message is, kombu leaves open: Any is its own type for it.
class Channel(filesystem.Channel):
    """Messages appear whole, go to one reader, and live in folders that only their owner can enter."""

    @property
    def data_folder_in(self) -> str:
        return str(_made(self.transport_options["data_folder_in"]))

    @property
    def data_folder_out(self) -> str:
        return str(_made(self.transport_options["data_folder_out"]))

    @property
    def control_folder(self) -> Path:
        return _made(self.transport_options["control_folder"])

    def _put(  # type: ignore[override]  # kombu names the argument differently in each of its classes
        self, queue: str, payload: Any, **_: object
    ) -> None:
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns()}_{uuid4()}"
        beside = folder / f"{name}.part"
        beside.write_text(dumps(payload), encoding="utf-8")
        beside.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002  never waits
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            mine = folder / f"{uuid4()}.taken"
            try:
                (folder / name).rename(mine)
            except FileNotFoundError:
                continue  # another reader was faster
            message = loads(mine.read_text(encoding="utf-8"))
            mine.unlink()
            return message
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel


def _made(folder: str) -> Path:
    """The folder, made with mode 0700 where it is missing: it may have been removed under a running worker."""
    path = Path(folder)
    if not path.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    return path
