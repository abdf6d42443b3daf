"""Asking over HTTP with an end: so long for a connection, so long for an answer, and so much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import requests

from billing.gateways.provider import ProviderUnavailable
from core.api import strict_json
from core.api.errors import BodyMalformed

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0
_CHUNK: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """
    :param value: what the JSON says; empty where it is no JSON object
    """

    status: int
    value: Mapping[str, Any]


def ask(
    method: str,
    url: str,
    *,
    auth: tuple[str, str],
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """
    One call. Redirects are not followed.

    :raises ProviderUnavailable: no whole answer came in time
    """
    deadline = monotonic() + CONNECT_SECONDS + READ_SECONDS
    try:
        with requests.request(
            method,
            url,
            auth=auth,
            params=query,
            json=body,
            headers=headers,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            read = bounded(response, deadline)
    except requests.RequestException as failure:
        # Its own text may hold what is secret.
        raise ProviderUnavailable(type(failure).__name__) from None
    try:
        value = strict_json.loads(read)
    except BodyMalformed:
        value = None
    return Answer(response.status_code, value if isinstance(value, dict) else {})


def bounded(response: requests.Response, deadline: float) -> bytes:
    """
    All of an answer that was begun with ``stream=True``.

    :param deadline: of the monotonic clock
    :raises ProviderUnavailable: it is too long, or takes too long
    """
    read = b""
    for part in response.iter_content(_CHUNK):
        read += part
        if len(read) > strict_json.MAX_BODY_BYTES or monotonic() > deadline:
            raise ProviderUnavailable("the answer was too long, or took too long")
    return read
