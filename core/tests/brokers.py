"""Brokers of a test's own."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import current_app
from kombu import pools
from kombu.utils.json import loads

from core.jobs import wake_ups


@contextmanager
def filesystem_broker(folder: Path) -> Iterator[Path]:
    """Have this process publish into another folder, on the real transport. Yields where its messages lie."""
    messages = folder / "messages"
    options = {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(folder / "control"),
    }
    with published_to("filesystem://localhost", options):
        yield messages


@contextmanager
def published_to(url: str, options: Mapping[str, object]) -> Iterator[None]:
    """Have this process publish to another broker."""
    before = current_app.conf.broker_url, current_app.conf.broker_transport_options
    _publish_to(url, options)
    try:
        yield
    finally:
        _publish_to(*before)


def woken(messages: Path) -> list[str]:
    """The ids of the jobs for which wake-ups lie in the folder, in their order."""
    bodies = (loads(path.read_text()) for path in sorted(messages.glob("*.msg")))
    return [loads(base64.b64decode(message["body"]))[0][0] for message in bodies]


def _publish_to(url: str, options: Mapping[str, object]) -> None:
    current_app.conf.update(broker_url=url, broker_transport_options=options)
    # Producers keep their connections; the next one is made from the settings anew.
    pools.reset()
    app: Any = current_app  # its pools have no public way to be made anew
    app._pool = None
    app.amqp._producer_pool = None
    wake_ups._silent_until = 0.0
