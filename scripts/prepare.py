"""
Several commands of ``manage.py`` in one process, one after another: loading the house takes longer than most of them.

SIGTERM lets the present command finish, and none begin after it.
"""

import json
import signal
import sys
import traceback
from types import FrameType
from typing import Final

import manage

# The exit code after SIGTERM. Any other says which command failed, counted from one.
STOPPED: Final = 75


class Preparation:
    """:ivar stopping: whether SIGTERM has come"""

    def __init__(self) -> None:
        self.stopping = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def run(self, commands: list[tuple[str, list[str]]]) -> int:
        """
        :param commands: each with what is said before it
        :returns: the exit code
        """
        for number, (says, command) in enumerate(commands, start=1):
            if self.stopping:
                return STOPPED
            if says:
                print(says, flush=True)
            if not self._succeeds(command):
                return number
        return 0

    def _succeeds(self, command: list[str]) -> bool:
        sys.argv = ["manage.py", *command]
        try:
            manage.main()
        except SystemExit as ended:
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
            return not ended.code
        except Exception:
            # Shown as a process of its own would show it, and failed like one.
            traceback.print_exc()
            return False
        return True


if __name__ == "__main__":
    sys.exit(Preparation().run(json.loads(sys.argv[1])))
