"""
Grave deeds ask once more who it is. This floor knows of no second factor; whoever does registers a gatekeeper, and a
deed is declared with ``step_up=True``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

# The address of a page that asks, and then leads back to what was wanted; None where nothing is to be asked.
Gatekeeper = Callable[[HttpRequest], str | None]

_gatekeepers: Final[list[Gatekeeper]] = []


def register_gatekeeper(gatekeeper: Gatekeeper) -> Gatekeeper:
    """Have grave deeds ask a function first; can be used as a decorator."""
    if gatekeeper not in _gatekeepers:
        _gatekeepers.append(gatekeeper)
    return gatekeeper


def asked_first(request: HttpRequest) -> HttpResponse | None:
    """The way to the page that asks, where one has to be asked."""
    for gatekeeper in _gatekeepers:
        if address := gatekeeper(request):
            return HttpResponseRedirect(address)
    return None
