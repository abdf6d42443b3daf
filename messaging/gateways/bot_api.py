"""
Telegram's Bot API, spoken synchronously: one pool of connections per process, time-outs, bounded answers. What an
answer means is decided here, once; the token is in no text that leaves this file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError as NoConnectionInTime
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from core.jobs import Postponed

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
LONGEST_ANSWER: Final = 1024 * 1024
_LONGEST_PAUSE: Final = 24 * 3600
# Telegram itself has bad days: now and then one call finds out whether the token is still refused.
_LOOK_AGAIN_SECONDS: Final = 300
_POOL: Final = 16


class BotApiError(Exception):
    """
    Telegram did not do what it was asked for, or nobody knows.

    :param says: Telegram's own words, or what happened to the connection
    """

    def __init__(self, says: str) -> None:
        super().__init__(f"{type(self).__name__}: {says}")
        self.says = says


class Silenced(BotApiError, Postponed):
    """
    The whole bot is to be silent; this was no attempt. A job that meets it runs again after that.

    :param seconds: for how long
    """

    def __init__(self, says: str, *, seconds: int) -> None:
        Postponed.__init__(self, f"{type(self).__name__}: {says}", seconds=seconds)
        self.says = says


class TooManyRequests(Silenced):
    """429. Telegram says how long to wait."""


class Blocked(BotApiError):
    """403. They blocked the bot, threw it out, or are gone."""


class Refused(BotApiError):
    """400 and the like: what was asked for is wrong, and will be wrong the next time."""


class ChatNotFound(Refused):
    """400. There is no such chat, or it never wrote to the bot."""


class ChatMoved(Refused):
    """400. The group became another one; ask again with ``chat_id``."""

    def __init__(self, says: str, *, chat_id: int) -> None:
        super().__init__(says)
        self.chat_id = chat_id


class TokenRefused(Silenced):
    """401 and 404. The token is none of Telegram's: nothing will work before somebody mends it."""

    def __init__(self, says: str, *, seconds: int = _LOOK_AGAIN_SECONDS) -> None:
        super().__init__(says, seconds=seconds)


class NotReached(BotApiError):
    """5xx, or no connection. It was not done; ask again after a pause."""


class Unknown(BotApiError):
    """The request was sent and its answer got lost: it may have been done."""


@dataclass(frozen=True, slots=True)
class BotApi:
    """
    One bot.

    :param base: the API's address, without the token: ``https://api.telegram.org``
    """

    base: str
    token: str = field(repr=False)

    def call(self, method: str, *, answer_seconds: float = ANSWER_SECONDS, **parameters: object) -> Any:
        """
        What a method answered: its ``result``.

        :param method: as the Bot API calls it: ``sendMessage``
        :param answer_seconds: how long to wait for the whole answer once connected
        :param parameters: those that are None are left out
        :raises BotApiError: one of its kinds
        """
        body = {name: value for name, value in parameters.items() if value is not None}
        status, answer = self._exchange(method, body, answer_seconds)
        if status == requests.codes.ok and answer.get("ok") is True and "result" in answer:
            return answer["result"]
        raise _meaning(status, answer)

    def _exchange(self, method: str, body: dict[str, object], answer_seconds: float) -> tuple[int, dict[str, Any]]:
        deadline = monotonic() + CONNECT_SECONDS + answer_seconds
        try:
            with _session().post(
                f"{self.base}/bot{self.token}/{method}",
                json=body,
                timeout=(CONNECT_SECONDS, answer_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                read = b""
                for part in response.iter_content(65_536):
                    read += part
                    if len(read) > LONGEST_ANSWER or monotonic() > deadline:
                        raise Unknown("the answer was too long, or took too long")
        except requests.RequestException as failure:
            # Its own text holds the address, and with it the token.
            name = type(failure).__name__
            raise (NotReached(name) if _was_never_sent(failure) else Unknown(name)) from None
        try:
            answer = json.loads(read)
        except ValueError:
            answer = None
        return response.status_code, answer if isinstance(answer, dict) else {}


def _meaning(status: int, answer: dict[str, Any]) -> BotApiError:
    says = f"{status} {str(answer.get('description', ''))[:200]}".strip()
    told = answer.get("parameters")
    parameters = told if isinstance(told, dict) else {}
    if status == 429:
        return TooManyRequests(says, seconds=_seconds(parameters.get("retry_after")))
    if status in (401, 404):
        return TokenRefused(says)
    if status != 400:
        # Below 400: a page, or half an answer. Something between us and Telegram, or Telegram on a bad day.
        kind = NotReached if status >= 500 else Unknown if status < 400 else Blocked if status == 403 else Refused
        return kind(says)
    if isinstance(moved := parameters.get("migrate_to_chat_id"), int):
        return ChatMoved(says, chat_id=moved)
    return ChatNotFound(says) if "chat not found" in says.lower() else Refused(says)


def _seconds(asked: object) -> int:
    return min(asked, _LONGEST_PAUSE) if isinstance(asked, int) and asked > 0 else 1


def _was_never_sent(failure: requests.RequestException) -> bool:
    if isinstance(failure, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    cause = failure.args[0] if failure.args else None
    return isinstance(cause, MaxRetryError) and isinstance(
        cause.reason, NewConnectionError | NoConnectionInTime | SSLError
    )


@cache
def _session() -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=_POOL, pool_maxsize=_POOL, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


# Two processes must not speak over one connection.
os.register_at_fork(after_in_child=_session.cache_clear)
