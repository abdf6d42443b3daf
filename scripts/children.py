"""The processes that ``make run`` keeps alive, each with all of its own children."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.terminal import gettext as _

PR_SET_PDEATHSIG = 1
LARGEST_LOG = 20_000_000
# A child that dies more often than this within a minute has a fault that no restart mends.
RESTARTS_PER_MINUTE = 5
QUIET_SECONDS = 60.0


class ChildKeepsDyingError(Exception):
    """A child died again and again; the message holds the end of its log."""


@dataclass
class Child:
    """
    One process group, restarted when it dies.

    :param name: as a sentence about it begins
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _process: subprocess.Popen[bytes] | None = None
    _deaths: deque[float] = field(default_factory=deque)

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C reaches only the supervisor."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509 (the supervisor has no threads)
            )

    def keep_alive(self) -> str | None:
        """
        Restart it if it died.

        :returns: what happened, or ``None``
        :raises ChildKeepsDyingError: it died too often
        """
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        self._kill_group()
        now = time.monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > QUIET_SECONDS:
            self._deaths.popleft()
        if len(self._deaths) > RESTARTS_PER_MINUTE:
            said = _("%(name)s died %(times)d times within a minute; the end of %(log)s:\n%(tail)s")
            facts = {"name": self.name, "times": len(self._deaths), "log": self.log, "tail": self.tail()}
            raise ChildKeepsDyingError(said % facts)
        self.start()
        said = _("%(name)s died (%(how)s) and was started again; its log is %(log)s.")
        return said % {"name": self.name, "how": _in_words(code), "log": self.log}

    def ask_to_stop(self) -> None:
        """Send SIGTERM: finish what you are doing and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stopped(self, deadline: float) -> bool:
        """Wait until ``deadline`` (of the monotonic clock); kill what is left then. Whether it went by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
            went = True
        except subprocess.TimeoutExpired:
            went = False
        self._kill_group()
        self._process.wait()
        self._process = None
        return went

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8", errors="replace").splitlines()[-lines:])

    def _kill_group(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """On Linux, have the kernel send SIGTERM to the child when the supervisor is killed and can tell it no more."""
    if sys.platform != "linux":
        return None
    # Loaded before the fork: nothing may be imported between fork and exec.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def set_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return set_signal


def _in_words(code: int) -> str:
    if code < 0:
        return _("signal %(name)s") % {"name": signal.Signals(-code).name}
    return _("exit code %(code)d") % {"code": code}
