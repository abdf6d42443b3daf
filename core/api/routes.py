"""Every route of the API with who may call it, as the URL configuration and the views have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from core.api.permissions import Callers, callers_of
from core.api.views import ApiView

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIXES: Final = ("api/", "internal/")


@dataclass(frozen=True, slots=True)
class Route:
    """
    :param path: as the URL configuration has it: ``/api/v1/users/<uuid:user_id>``
    :param callers: None where everybody may
    """

    method: str
    path: str
    callers: Callers | None


def list_routes() -> list[Route]:
    """In the URL configuration's order."""
    return [
        Route(method, f"/{path}", callers_of(view(), method))
        for path, view in _views(get_resolver())
        if path.startswith(_PREFIXES)
        for method in METHODS
        if hasattr(view, method.lower())
    ]


def _views(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, type[ApiView]]]:
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _views(each, path)
        elif isinstance(each, URLPattern):
            # DRF's as_view() leaves the class on the function.
            view: Any = getattr(each.callback, "cls", None)
            if view is not None and issubclass(view, ApiView):
                yield path, view
