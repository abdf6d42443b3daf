"""Lines of the log hold nobody up: not when nobody reads them, not when there is nowhere to write to."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from select import select
from typing import TextIO

import pytest

from core.log_lines import LineHandler

KILOBYTE = "x" * 1000


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A pipe that nobody reads from yet."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        yield read, stream
        os.close(read)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, __file__, 1, text, None, None)


def drained(read: int, until: str) -> list[str]:
    """What comes out of the pipe, up to a line that holds a text."""
    text = ""
    while until not in text:
        text += os.read(read, 65_536).decode()
    return text.splitlines()


def is_full(write: int) -> bool:
    return not select([], [write], [], 0)[1]


def forked_flush(stream: TextIO, *, seconds: float) -> bool:
    """Whether a forked process can flush the stream, as it does where it sets up its own logging."""
    child = os.fork()
    if child == 0:
        stream.flush()
        os._exit(0)
    ended = os.pidfd_open(child)
    try:
        return bool(select([ended], [], [], seconds)[0])
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ended)


class TestAPipeThatNobodyReads:
    def test_holds_up_nobody_and_is_told_how_much_it_lost(self, pipe: tuple[int, TextIO]) -> None:
        read, stream = pipe
        handler = LineHandler(descriptor=stream.fileno(), queued=100)
        for number in range(1000):
            handler.emit(record(f"{number} {KILOBYTE}"))
        read_back: list[str] = []
        reader = threading.Thread(target=lambda: read_back.extend(drained(read, "the last")))
        reader.start()
        handler.flush()
        handler.emit(record("the last"))
        reader.join(30)
        assert not reader.is_alive()
        told = [json.loads(line)["dropped"] for line in read_back if "log_lines_dropped" in line]
        written = [line for line in read_back if line.endswith(KILOBYTE)]
        # A pipe takes 64 KB, and a hundred lines wait.
        assert len(written) + sum(told) == 1000
        assert sum(told) > 700

    def test_would_hold_up_the_standard_library_s_handler(self, pipe: tuple[int, TextIO]) -> None:
        # The control: the same lines, written by whoever logs.
        read, stream = pipe
        handler = logging.StreamHandler(stream)
        written = threading.Event()

        def log() -> None:
            for number in range(200):
                handler.emit(record(f"{number} {KILOBYTE}"))
            written.set()

        writer = threading.Thread(target=log)
        writer.start()
        assert not written.wait(1)
        drained(read, "199 ")
        assert written.wait(30)
        writer.join()


class TestAForkInTheMiddleOfALine:
    """More than a pipe takes: whoever writes it is in the middle of it while nobody reads."""

    LONG = "x" * 200_000

    def test_does_not_hang_at_the_stream(self, pipe: tuple[int, TextIO]) -> None:
        read, stream = pipe
        handler = LineHandler(descriptor=stream.fileno())
        handler.emit(record(self.LONG))
        while not is_full(stream.fileno()):
            pass
        assert forked_flush(stream, seconds=30)
        handler.emit(record("the last"))
        assert drained(read, "the last") == [self.LONG, "the last"]

    def test_would_hang_if_the_line_were_written_to_the_stream(self, pipe: tuple[int, TextIO]) -> None:
        # The control: Python's stream holds its lock while it writes.
        read, stream = pipe
        writer = threading.Thread(target=lambda: print(self.LONG, file=stream, flush=True))
        writer.start()
        while not is_full(stream.fileno()):
            pass
        assert not forked_flush(stream, seconds=1)
        drained(read, "\n")
        writer.join()


def test_a_stream_that_is_gone_is_passed_over() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    handler = LineHandler(descriptor=stream.fileno())
    handler.emit(record("nobody hears this"))
    handler.flush()
    assert handler.dropped == 0
    stream.close()


def test_lines_keep_their_order_and_a_child_process_writes_its_own(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    handler = LineHandler(descriptor=stream.fileno())
    for number in range(50):
        handler.emit(record(str(number)))
    handler.flush()
    child = os.fork()
    if child == 0:
        handler.emit(record("from the child"))
        handler.flush()
        os._exit(0)
    os.waitpid(child, 0)
    assert drained(read, "from the child") == [*map(str, range(50)), "from the child"]
