"""The buckets in Redis: one script counts, by Redis's own clock, so that it is exact however many ask at once."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from core.errors import RateLimited

if TYPE_CHECKING:
    from redis import Redis

# A Redis that does not answer must not hold a request for longer, nor each of them.
TIMEOUT_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 1.0
_PREFIX: Final = "dvorik:limits"

# In microseconds, which a double holds exactly until the year 2255. Answers the seconds to wait; 0 lets through.
_HIT: Final = """
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    local each, window = tonumber(ARGV[1]), tonumber(ARGV[2])
    local empty_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + each
    if empty_at > now + window then
        return math.max(1, math.ceil((empty_at - now - window) / 1000000))
    end
    redis.call('SET', KEYS[1], string.format('%.0f', empty_at), 'PX', math.ceil((empty_at - now) / 1000))
    return 0
"""


class RedisAway(Exception):
    """Redis did not answer, or could not do it."""


# Until then this process leaves Redis alone: one request pays for the discovery that it is away, not each.
_silent_until = 0.0


def is_configured() -> bool:
    """Whether frequent limits are counted in Redis."""
    return bool(settings.LIMITS_REDIS_URL)


def hit(*, scope: str, subject: str, limit: int, per_seconds: int) -> None:
    """
    Count one attempt; for the parameters see :func:`core.operations.throttles.hit`.

    :raises core.errors.RateLimited: the limit is reached; this attempt was not counted
    :raises RedisAway: it could not be counted
    """
    global _silent_until  # noqa: PLW0603  the process's own knowledge of its Redis
    from redis import RedisError

    if monotonic() < _silent_until:
        raise RedisAway("it was away a moment ago")
    try:
        wait = int(
            _script(settings.LIMITS_REDIS_URL)(
                keys=[f"{_PREFIX}:{scope}:{subject}"],
                args=[per_seconds * 1_000_000 // limit, per_seconds * 1_000_000],
            )
        )
    except RedisError as failure:
        _silent_until = monotonic() + _PAUSE_SECONDS
        raise RedisAway(type(failure).__name__) from failure
    if wait:
        raise RateLimited(retry_after=wait)


def forget_outage() -> None:
    """Ask Redis again at once."""
    global _silent_until  # noqa: PLW0603  the process's own knowledge of its Redis
    _silent_until = 0.0


@lru_cache(maxsize=4)
def _script(url: str) -> Any:  # Any: redis-py types its scripts as answering anything
    return _client(url).register_script(_HIT)


def _client(url: str) -> Redis:
    from redis import Redis

    return Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None)
