"""Who acts, and through which door: the answer to "who did it?" that every write carries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Literal

ActorKind = Literal["user", "api_key", "job", "shell", "system"]
Door = Literal["api", "admin", "shell", "job", "command", ""]


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Somebody, or something, that changes data.

    :param kind: what it is
    :param id: the user's or key's id as text, the job's name; empty for the system itself
    :param label: how people call it in the audit log
    :param user_id: the person behind it, where there is one (an API key's owner, a shell's user)
    """

    kind: ActorKind
    id: str
    label: str
    user_id: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.label or self.id}"


SYSTEM = Actor(kind="system", id="", label="system")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds a change besides its actor: the request it came with and the reason given for it."""

    door: Door = ""
    request_id: str = ""
    ip: str = ""
    reason: str = ""
    actor: Actor | None = None


_current: ContextVar[Circumstances] = ContextVar("circumstances", default=Circumstances())  # noqa: B039  # frozen


def circumstances() -> Circumstances:
    """The circumstances of the code that runs now."""
    return _current.get()


@contextmanager
def under(
    *,
    door: Door | None = None,
    request_id: str | None = None,
    ip: str | None = None,
    reason: str | None = None,
    actor: Actor | None = None,
) -> Iterator[Circumstances]:
    """Run a block under changed circumstances; what is not given stays as it was."""
    now = _current.get()
    changed = replace(
        now,
        door=now.door if door is None else door,
        request_id=now.request_id if request_id is None else request_id,
        ip=now.ip if ip is None else ip,
        reason=now.reason if reason is None else reason,
        actor=now.actor if actor is None else actor,
    )
    token = _current.set(changed)
    try:
        yield changed
    finally:
        _current.reset(token)


def as_database_context(actor: Actor | None, around: Circumstances) -> str:
    """The JSON that the audit triggers read from the transaction's ``dvorik.context`` setting."""
    who = actor or around.actor
    context = asdict(who) if who is not None else {}
    context |= {
        "door": around.door,
        "request_id": around.request_id,
        "ip": around.ip,
        "reason": around.reason,
    }
    told = {name: value for name, value in context.items() if value}
    return json.dumps(told, ensure_ascii=False) if told else ""
