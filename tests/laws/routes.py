"""Every route outside of Admin, as the URL configuration has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes() -> list[str]:
    """``GET /api/v1/users/<uuid:user_id>``: each address with each of its methods."""
    return [
        f"{method} /{path}"
        for path, callback in _patterns(get_resolver())
        if not path.startswith("admin")
        for method in METHODS
        if hasattr(_view(callback), method.lower())
    ]


def view_of(route: str) -> Any:
    """The view class that answers a route."""
    _method, _, path = route.partition(" /")
    return next(_view(callback) for each, callback in _patterns(get_resolver()) if each == path)


def _view(callback: Any) -> Any:
    return getattr(callback, "cls", None) or getattr(callback, "view_class", callback)


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield path, each.callback
        else:
            yield from _patterns(each, path)
