"""Jobs that fail in every way. ``FAULT_MARKS`` names a folder for what they have done."""

import os
import signal
import threading
from pathlib import Path
from uuid import UUID, uuid4

from billing.operations import grants
from billing.owners import Owner
from core import jobs
from core.actors import Actor


def register() -> None:
    """Register the failing jobs; the tests' process needs their names and promises, too."""

    @jobs.job("fault.credit", lease_seconds=2)
    def credit(*, wallet: str, thing: str, by: Actor) -> None:
        _credit(wallet, thing, by=by)

    @jobs.job("fault.credit_and_hang_once", lease_seconds=2)
    def credit_and_hang_once(*, wallet: str, thing: str, by: Actor) -> None:
        _credit(wallet, thing, by=by)
        if not list(_marks().glob(f"hanging.{thing}.*")):
            _mark("hanging", thing, os.getpid())
            threading.Event().wait()

    @jobs.job("fault.always_fail", max_attempts=3, backoff_seconds=0.1)
    def always_fail(*, by: Actor) -> None:
        raise RuntimeError("as always")

    @jobs.job("fault.kill_the_worker", max_attempts=2, lease_seconds=1)
    def kill_the_worker(*, by: Actor) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def _credit(wallet: str, thing: str, *, by: Actor) -> None:
    """One token for one thing; the mark tells each time, the ledger only the first one."""
    grants.give(owner=Owner.wallet(UUID(wallet)), tokens=1, reason="fault test", key=f"fault-{thing}", by=by)
    _mark("credited", thing)


def _marks() -> Path:
    return Path(os.environ["FAULT_MARKS"])


def _mark(*words: object) -> None:
    (_marks() / ".".join(map(str, [*words, uuid4()]))).touch()
