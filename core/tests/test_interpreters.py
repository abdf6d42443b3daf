"""Processes that are forked find what those find that start on their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from core.tests import interpreters

ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": "/nowhere", "TOLD": "this"}
# What is loaded of libraries they do not look at; of the house there is nothing.
LOOKS_AROUND: Final = """
import os, signal, sys
house = ("accounts", "audit", "billing", "config", "core", "messaging", "scripts", "tests")
print(sys.argv, sys.path, __name__, os.getcwd(), sorted(os.environ.items()), sys.stdin.read())
print([signal.getsignal(number) for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)])
print([name for name in sys.modules if name.partition(".")[0] in house], os.getsid(0) == os.getpid())
print(sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1] if os.path.isdir("/proc/self/fd") else "")
print(sys.stdout.encoding, sys.stdout.errors, sys.stderr.encoding, sys.stderr.errors, sys.stdout.line_buffering)
"""


@pytest.mark.parametrize("way", ["-c", "-m", "file"])
def test_look_around_as_a_python_that_was_just_started(way: str, tmp_path: Path) -> None:
    (tmp_path / "looks.py").write_text(LOOKS_AROUND)
    arguments = {"-c": ["-c", LOOKS_AROUND], "-m": ["-m", "looks"], "file": ["looks.py"]}[way] + ["one", "--two"]
    alone = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=ENVIRONMENT,
        input="привет",
        text=True,
        capture_output=True,
        check=True,
    )
    forked = interpreters.run(arguments, environment=ENVIRONMENT, folder=tmp_path, says="привет")
    assert (forked.returncode, forked.stdout, forked.stderr) == (0, alone.stdout, "")


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('why')", 1, "why\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("raise ValueError('so')", 1, "ValueError: so\n"),
        ("import atexit, sys; atexit.register(print, 'last', file=sys.stderr)", 0, "last\n"),
    ],
)
def test_end_as_it_does(program: str, code: int, said: str) -> None:
    ended = interpreters.run(["-c", program], environment=ENVIRONMENT)
    assert ended.returncode == code
    assert ended.stderr.endswith(said)


def test_are_asked_and_stopped_while_they_run() -> None:
    ours, its = socket.socketpair()
    with ours, its:
        program = f"import os, threading; os.write({its.fileno()}, b'here'); threading.Event().wait()"
        process = interpreters.start(
            ["-c", program], environment=ENVIRONMENT, start_new_session=True, pass_fds=[its.fileno()]
        )
        assert ours.recv(4) == b"here"
        assert process.poll() is None
        assert os.getsid(process.pid) == process.pid
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.terminate()
        assert process.wait(60) == process.poll() == -signal.SIGTERM
        process.kill()


def test_that_take_too_long_are_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        interpreters.run(["-c", "import threading; threading.Event().wait()"], environment=ENVIRONMENT, timeout=0.1)


@pytest.mark.parametrize("number", range(200, 206))
def test_have_what_they_are_given_by_its_number_however_high(number: int) -> None:
    ours, its = socket.socketpair()
    with ours, its:
        os.dup2(its.fileno(), number)
        try:
            program = f"import os; os.write({number}, b'here')"
            process = interpreters.start(["-c", program], environment=ENVIRONMENT, pass_fds=[number])
        finally:
            os.close(number)
        assert process.wait(60) == 0
        ours.settimeout(60)
        assert ours.recv(4) == b"here"
