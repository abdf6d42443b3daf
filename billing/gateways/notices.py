"""Providers that knock by themselves: what their messages are, before anybody believes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


class SignatureWrong(Exception):
    """The message is not from the provider, or is too old to be told from a repetition by somebody else."""


@dataclass(frozen=True, slots=True)
class Notice:
    """
    :param event_id: what makes the message one, however often it comes
    :param payload: as it came
    """

    event_id: str
    payload: Mapping[str, Any]


@runtime_checkable
class Teller(Protocol):
    """A provider that sends messages."""

    def read_notice(self, body: bytes, *, signature: str) -> Notice | None:
        """
        What a message is; None for one that is about nothing we could ask for.

        :param body: as it came over the wire
        :param signature: what the provider's header says; empty where there is none
        :raises SignatureWrong: somebody else sent it
        :raises core.api.errors.BodyMalformed: it is no JSON that can be kept
        """
