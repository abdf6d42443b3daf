"""
Marks that nobody sees and that turn the text around them: people's names may hold them, and Admin shows them.

What stands between the tags of a page is searched, whichever template wrote it. Forms keep what they were given, so
that saving them changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase

from core.middleware import is_admin

# Control characters but tab and line ends; soft hyphens, zero-width and direction marks. Joiners stay: emoji are made
# with them.
_MARK: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_NOT_TEXT: Final = re.compile(r"(<(?:textarea|script|style)\b.*?</(?:textarea|script|style)>|<[^>]*>)", re.DOTALL)


def shown(text: str) -> str:
    """A text whose invisible marks are visible: ``⟦U+202E⟧``."""
    return _MARK.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def shown_in_page(page: str) -> str:
    """The same for the texts of an HTML page."""
    parts = _NOT_TEXT.split(page)
    # Every other part is a tag, or a whole element that holds no text for people.
    parts[::2] = map(shown, parts[::2])
    return "".join(parts)


class VisibleMarksMiddleware:
    """Shows marks on Admin's pages. Stands below whatever measures an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if (
            is_admin(request)
            and isinstance(response, HttpResponse)
            and response.get("Content-Type", "").startswith("text/html")
        ):
            page = response.content.decode()
            if _MARK.search(page):
                response.content = shown_in_page(page).encode()
        return response
