"""One Telegram chat that is written to by the house's bot."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import requests

from audit.gateways.undelivered import Undelivered

LONGEST_TEXT: Final = 4096
_LONGEST_ANSWER: Final = 64 * 1024
_LONGEST_PAUSE: Final = 3600
# The chat or the token is wrong, or the bot was thrown out: no later try would be better.
_FINAL: Final = frozenset({400, 401, 403, 404})


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """
    :param base: the Bot API's address, without the token: ``https://api.telegram.org``
    :param connect_seconds: how long to wait for a connection
    :param answer_seconds: how long to wait for the whole answer
    """

    base: str
    token: str = field(repr=False)
    chat_id: str
    connect_seconds: float = 5
    answer_seconds: float = 15

    def send(self, text: str) -> None:
        """
        Send a message, without any markup.

        :param text: what is longer than Telegram takes is cut
        :raises Undelivered: it did not get through, or nobody knows
        """
        short = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
        status, answer = self._call({"chat_id": self.chat_id, "text": short, "disable_web_page_preview": True})
        if status == requests.codes.ok and answer.get("ok") is True:
            return
        said = str(answer.get("description", ""))[:200]
        raise Undelivered(
            f"Telegram answered {status}: {said}",
            is_final=status in _FINAL,
            retry_after=_pause(answer.get("parameters")),
        )

    def _call(self, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
        deadline = monotonic() + self.connect_seconds + self.answer_seconds
        try:
            with requests.post(
                f"{self.base}/bot{self.token}/sendMessage",
                json=body,
                timeout=(self.connect_seconds, self.answer_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                read = b""
                for part in response.iter_content(4096):
                    read += part
                    if len(read) > _LONGEST_ANSWER or monotonic() > deadline:
                        raise Undelivered("Telegram's answer was too long, or took too long")
        except requests.RequestException as failure:
            # Its own text holds the address, and with it the token.
            raise Undelivered(f"Telegram could not be reached: {type(failure).__name__}") from None
        try:
            answer = json.loads(read)
        except ValueError:
            answer = None
        return response.status_code, answer if isinstance(answer, dict) else {}


def _pause(parameters: object) -> int:
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else 0
    return min(asked, _LONGEST_PAUSE) if isinstance(asked, int) and asked > 0 else 0
