"""
Panels that a higher floor adds to an object's page: the page of a person shows their wallet, which only billing knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db.models import Model
from django.http import HttpRequest

from core.admin.panels import Panel

PanelsOf = Callable[[HttpRequest, Any], Sequence[Panel]]

_providers: Final[dict[type[Model], list[PanelsOf]]] = {}


def register_panels(model: type[Model]) -> Callable[[PanelsOf], PanelsOf]:
    """
    Have a function's panels shown on the pages of a model, above those of its own floor.

    The function is called with the request and the object, and asks a fixed number of queries.
    """

    def register(provider: PanelsOf) -> PanelsOf:
        known = _providers.setdefault(model, [])
        if provider not in known:
            known.append(provider)
        return provider

    return register


def panels_of(request: HttpRequest, row: Model) -> list[Panel]:
    """The panels that higher floors show on an object's page."""
    return [panel for provider in _providers.get(type(row), ()) for panel in provider(request, row)]
