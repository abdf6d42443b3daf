"""Limits in tests: buckets that are nearly full, processes that remember nothing, and a Redis of one's own."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from django.db import connection
from django.test import override_settings

from core.limits import Limit, outages, redis_store
from core.limits.process_store import BUCKETS

_SERVER: Final = shutil.which("redis-server")
_SECONDS: Final = 20.0


def fill(limit: Limit, subject: str, *, left: int = 0) -> None:
    """Have somebody use a limit up in PostgreSQL, or in this process, but for so many attempts."""
    used = limit.in_force() - left
    if limit.keeping == "process":
        for _try in range(used):
            BUCKETS.hit(scope=limit.name, subject=subject, limit=limit.in_force(), per_seconds=limit.seconds)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_throttle (scope, subject, empty_at)
            VALUES (%s, %s, core_now() + %s::int * (%s::bigint * interval '1 microsecond'))
            ON CONFLICT (scope, subject) DO UPDATE SET empty_at = excluded.empty_at
            """,
            [limit.name, subject, used, limit.seconds * 1_000_000 // limit.in_force()],
        )


@contextmanager
def stopped() -> Iterator[None]:
    """Within the block no time passes for the process's own buckets."""
    running, moment = BUCKETS._clock, BUCKETS._clock()
    BUCKETS._clock = lambda: moment
    try:
        yield
    finally:
        BUCKETS._clock = running


def forget() -> None:
    """Have this process know of no bucket, no outage, and nothing that it has told of."""
    BUCKETS.forget()
    redis_store.forget_outage()
    outages.forget_told()


@dataclass
class PrivateRedis:
    """A redis-server of the test's own, on a socket in a folder of its own, which keeps nothing on disk."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        assert _SERVER is not None
        self.process = subprocess.Popen(
            [_SERVER, "--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL,
        )
        from redis import Redis, RedisError

        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                Redis.from_url(self.url).ping()
            except RedisError:
                assert time.monotonic() < deadline, "redis-server does not answer"
            else:
                return

    def flush(self) -> None:
        from redis import Redis

        Redis.from_url(self.url).flushall()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(_SECONDS)
            self.process = None


@contextmanager
def private_redis() -> Iterator[PrivateRedis]:
    """A Redis in which this process counts frequent limits; skips the test where there is no ``redis-server``."""
    if _SERVER is None:
        pytest.skip("no redis-server is found: install one (Debian: redis-server) to try limits that Redis counts")
    with TemporaryDirectory(prefix="redis-") as folder:
        server = PrivateRedis(Path(folder))
        server.start()
        try:
            with override_settings(LIMITS_REDIS_URL=server.url):
                forget()
                yield server
        finally:
            server.kill()
            forget()
