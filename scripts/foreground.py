"""One command in the foreground, which is given the time to end in its own way."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType


def run(command: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """
    Run a command and return its exit code, also when it ends because of Ctrl-C or SIGTERM.

    ``subprocess.run`` would kill it a quarter of a second after Ctrl-C, and leave its own children behind.
    """
    process = subprocess.Popen(command, env=dict(environment))

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        process.send_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal has told the command, too.
                continue
    finally:
        signal.signal(signal.SIGTERM, before)
