"""Tells a living server from the traces of a dead one."""

import os
from pathlib import Path

import psutil


def alive(data: Path) -> int | None:
    """
    The process id of the server that runs on ``data``, if one does.

    The pid file alone proves nothing: after a crash it stays, and its number may by now be anybody's.
    """
    pid = _recorded_pid(data / "postmaster.pid")
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        # A killed server whose parent has not reaped it yet still has a number, but serves nobody.
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if process.name() != "postgres" or process.uids().real != data.stat().st_uid:
            return None
        return pid if os.path.samefile(process.cwd(), data) else None
    except psutil.AccessDenied:
        # Of the right name and the right owner, only its folder is hidden from us.
        return pid
    except (psutil.NoSuchProcess, FileNotFoundError):
        return None


def socket_holder(socket_directory: Path) -> int | None:
    """The process id of a server that holds the socket though its data is gone, if there is one."""
    for lock in socket_directory.glob(".s.PGSQL.*.lock"):
        pid = _recorded_pid(lock)
        try:
            if pid is not None and psutil.Process(pid).name() == "postgres" and not _is_zombie(pid):
                return pid
        except psutil.NoSuchProcess:
            continue
    return None


def remove_traces(data: Path, socket_directory: Path) -> None:
    """
    Remove the pid file and the socket's lock that a dead server left behind.

    PostgreSQL refuses to start while the number in them belongs to any living process. Removing them takes no
    protection away: a backend that outlived its postmaster still holds the shared memory block, and that is
    looked up by the data folder itself.
    """
    (data / "postmaster.pid").unlink(missing_ok=True)
    for trace in socket_directory.glob(".s.PGSQL.*"):
        trace.unlink(missing_ok=True)


def _is_zombie(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def _recorded_pid(path: Path) -> int | None:
    try:
        first = path.read_text("ascii", errors="replace").partition("\n")[0]
        # A standalone backend writes its own number as a negative one.
        return abs(int(first)) or None
    except (OSError, ValueError):
        return None
