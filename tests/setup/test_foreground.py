"""A command that is interrupted ends in its own way, and its exit code is ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from .conftest import ROOT

# Both set their handler: a shell that starts the suite in the background has it, and all its children, ignore Ctrl-C.

# Ends on Ctrl-C, after longer than `subprocess.run` would have waited.
CHILD = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("begun", flush=True)
    threading.Event().wait()
except KeyboardInterrupt:
    threading.Event().wait(1)
    print("ended", flush=True)
    sys.exit(5)
"""
PARENT = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from scripts import foreground
sys.exit(foreground.run([sys.executable, "-c", {CHILD!r}], environment=os.environ))
"""


def by_terminal(pid: int) -> None:
    os.killpg(pid, signal.SIGINT)


def by_sigterm(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("interrupt", [by_terminal, by_sigterm])
def test_waits_for_the_end(interrupt: Callable[[int], None]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            interrupt(process.pid)
            assert process.stdout.read() == "ended\n"
            assert process.wait(60) == 5
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
