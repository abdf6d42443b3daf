"""``docs/limits.md``: how often and how much, written from the registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.limits.registry import Bound, Keeping, Limit, WhenDown, bounds, limits

HEADER: Final = """# How often, and how much

Written by `python manage.py limits --write` from the registry in the code ([core/limits](../core/limits), and each
app's `limits.py`); a test compares the two. The reasons are in [ADR 17][adr].

Whoever reaches a limit is answered 429 `common.rate_limited` with `Retry-After`: as a problem document by the API, with
a page by Admin. A limit is a bucket that fills again evenly (GCRA): of 10 in 15 minutes all may come at once, then one
each 90 seconds. What is refused is not counted, so that waiting is enough, and nobody is locked out for good. Limits
are exact, however many ask at once.

An address is the client's as `TRUSTED_PROXIES` lets it be known; of IPv6 the /64 counts, not each of its addresses.

[adr]: adr/0017-limits-count-where-it-is-safe.md
"""

_KEEPINGS: Final[dict[Keeping, str]] = {
    "database": "PostgreSQL, always",
    "shared": "Redis if `LIMITS_REDIS_URL` names one, else PostgreSQL",
    "process": "Redis if `LIMITS_REDIS_URL` names one, else each process of the web server by itself",
}
_WHEN_DOWN: Final[dict[WhenDown, str]] = {
    "closed": "refused: 503",
    "open": "let through",
    "open to reading": "refused: 503; reading is let through",
}

FOOTER: Final = """## When they cannot be counted

- **PostgreSQL is away, or its table of limits is locked.** Who would be counted there is answered 503
  `common.unavailable` with `Retry-After`, but for those marked *let through*. Reading is not counted there, and goes on
  as far as PostgreSQL does.
- **Redis is away.** The same for what is counted in Redis; an API key goes on reading, uncounted, and is refused to
  write. Logins with a password, promo codes and exports are counted in PostgreSQL and notice nothing.
- **Redis was emptied, or evicted keys.** What is counted there begins anew, once. Nothing that guards a password, a
  promo code or money is.
- **A process of the web server ends.** What it counted by itself begins anew.

The first refusal of each minute and process is logged as `limit_store_down`, and raises the alert `core.limits_away:`
where PostgreSQL still answers. A limit marked *alert* raises `core.limit_reached:` when somebody reaches it.
"""


def page() -> str:
    """The whole page, in English."""
    return "\n".join([HEADER, *_of_limits(), *_of_bounds(), FOOTER])


def is_fresh(path: Path) -> bool:
    """Whether a file says what the code does."""
    return path.exists() and path.read_text("utf-8") == page()


def line(limit: Limit) -> str:
    """A limit's line of the table."""
    cells = (
        f"`{limit.name}`",
        str(limit.what),
        _many(limit),
        f"in {_time(limit.seconds)}",
        str(limit.whom),
        _KEEPINGS[limit.keeping],
        _WHEN_DOWN[limit.when_down],
        "alert" if limit.alert else "",
    )
    return f"| {' | '.join(cells)} |"


def _of_limits() -> Iterator[str]:
    yield "## How often\n"
    yield "| limit | what is counted | how many | in which time | per | where | when it cannot be counted | |"
    yield "|---|---|--:|---|---|---|---|---|"
    yield from map(line, limits())
    yield ""


def _of_bounds() -> Iterator[str]:
    yield "## How much\n"
    yield "| what | at most | otherwise |\n|---|---|---|"
    yield from sorted(map(_line_of_bound, bounds()))
    yield ""


def _line_of_bound(each: Bound) -> str:
    return f"| {each.what} | {each.most} | {each.otherwise} |"


def _many(limit: Limit) -> str:
    if isinstance(limit.tries, int):
        return f"{limit.tries:,}"
    return f"{limit.tries.default:,}, by the setting `{limit.tries.key}`"


def _time(seconds: int) -> str:
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            many = seconds // size
            return f"{many} {name}s" if many > 1 else f"a{'n' if name == 'hour' else ''} {name}"
    return f"{seconds} seconds"
