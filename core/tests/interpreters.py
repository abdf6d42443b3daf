"""
Python processes that start in a third of the time: forks of one interpreter that has loaded what others have written
(:mod:`core.tests.warm_interpreter`). The house itself is loaded anew by each, under the environment that it is given.

Nothing in them knows: a test of how a process itself begins, of its interpreter and its pipes, starts a real one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

from core.tests.warm_interpreter import LENGTH, STATUS

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_START_SECONDS: Final = 180.0


class Process:
    """A process that was started; it is asked for as a :class:`subprocess.Popen` is."""

    def __init__(self, arguments: Sequence[str], line: socket.socket) -> None:
        self.arguments, self._line = arguments, line
        self.returncode: int | None = None
        line.settimeout(_START_SECONDS)
        (self.pid,) = STATUS.unpack(_exactly(line, STATUS.size))

    def poll(self) -> int | None:
        """How it ended; nothing while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """
        How it ended: its exit code, or the signal's number below zero.

        :raises subprocess.TimeoutExpired: it still runs
        """
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                (self.returncode,) = STATUS.unpack(_exactly(self._line, STATUS.size))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(list(self.arguments), timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path = ROOT,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = 1,
    stderr: int | IO[bytes] = 2,
    start_new_session: bool = False,
    pass_fds: Sequence[int] = (),
) -> Process:
    """
    Start what ``python`` would with these arguments: ``-c`` and a program, ``-m`` and a module, or a file.

    :param pass_fds: descriptors that it has, too, by the same numbers
    """
    mine, its = socket.socketpair()
    request = {
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(folder),
        "new_session": start_new_session,
        "descriptors": [0, 1, 2, *pass_fds],
    }
    written = json.dumps(request).encode()
    with Path(os.devnull).open("r+b") as nothing, its:
        places = {subprocess.DEVNULL: nothing.fileno(), subprocess.STDOUT: _number(stdout)}
        standard = [places.get(given, given) for given in map(_number, (stdin, stdout, stderr))]
        _warm().ask(its)
        socket.send_fds(mine, [LENGTH.pack(len(written))], [*standard, *pass_fds])
        mine.sendall(written)
        return Process(arguments, mine)


def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path = ROOT,
    says: str = "",
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """
    Run it to its end, and keep what it writes.

    :param says: what stands on its standard input
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(says.encode())
        stdin.seek(0)
        process = start(arguments, environment=environment, folder=folder, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_START_SECONDS)
            raise
        written = []
        for file in (stdout, stderr):
            file.seek(0)
            written.append(file.read().decode())
        return subprocess.CompletedProcess(list(arguments), process.wait(), *written)


@dataclass(frozen=True)
class _Warm:
    process: subprocess.Popen[bytes]
    control: socket.socket

    def end(self) -> None:
        self.control.close()
        self.process.wait(_START_SECONDS)

    def ask(self, line: socket.socket) -> None:
        """Have it fork a process, which hears on this line what it is to be."""
        socket.send_fds(self.control, [b"."], [line.fileno()])


@cache
def _warm() -> _Warm:
    """It ends with this process, be it only because the line to it closes."""
    mine, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_interpreter.py")), str(its.fileno())],
            # None of it is the environment of what is started; texts are read and written as elsewhere in the suite.
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    made = _Warm(process, mine)
    atexit.register(made.end)
    return made


def _exactly(line: socket.socket, length: int) -> bytes:
    said = line.recv(length, socket.MSG_WAITALL)
    if len(said) != length:
        raise ConnectionError("the interpreter that is forked has ended")
    return said


def _number(given: int | IO[bytes]) -> int:
    return given if isinstance(given, int) else given.fileno()
