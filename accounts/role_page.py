"""``docs/roles.md``: who may do what, written from the one definition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.apps import AppConfig, apps
from django.contrib.auth import get_permission_codename
from django.utils import translation

from accounts.roles import FRAMEWORK, ROLES
from core.api.permissions import Callers
from core.api.routes import list_routes

_EVERYBODY: Final = Callers()
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
HEADER: Final = """# Who may do what

Written by `python manage.py roles --write` from [accounts/roles.py](../accounts/roles.py), the one definition; a test
compares the two. Roles are made equal to it after each `migrate` ([why][adr]). Who has which role is kept with the
people, in Admin. Servers do not have roles: their keys have scopes.

What a role may do is the same in Admin and [over the API](#over-the-api). A role that is taken away is gone with the
next request.

[adr]: adr/0003-roles-are-made-equal-to-the-code-after-each-migrate.md
"""


def page() -> str:
    """The whole page, in English."""
    with translation.override("en"):
        return "\n".join([HEADER, *_titles(), *_routes(), *_tables()])


def is_fresh(path: Path) -> bool:
    """Whether a file says what the code does."""
    return path.exists() and path.read_text("utf-8") == page()


def permissions() -> dict[str, list[str]]:
    """Every permission that a role could have: codenames by app."""
    named = {config.label: sorted(_codenames(config)) for config in apps.get_app_configs()}
    return {label: named[label] for label in sorted(named) if named[label] and label not in FRAMEWORK}


def _codenames(config: AppConfig) -> Iterator[str]:
    for model in config.get_models():
        yield from (get_permission_codename(action, model._meta) for action in model._meta.default_permissions)
        yield from (codename for codename, _name in model._meta.permissions)


def _titles() -> Iterator[str]:
    yield "| role | who it is for |\n|---|---|"
    for role in ROLES.values():
        name, _colon, meaning = str(role.title).partition(": ")
        yield f"| **{name}** | {meaning} |"
    yield ""


def _routes() -> Iterator[str]:
    yield "## Over the API\n"
    yield "Servers need one of the scopes. Staff, in sessions of their own, need a role with the permission. People see"
    yield "and do what is their own, whether they work here or not: somebody else's things are to them as if they were"
    yield "not there (404), and what they bought, spent and were given is their history (`/transactions`).\n"
    yield f"| route | servers | permission of staff | {' | '.join(ROLES)} | people, their own |"
    yield f"|---|---|---|{':-:|' * (len(ROLES) + 1)}"
    for route in list_routes():
        callers = route.callers or _EVERYBODY
        scopes = "everybody" if route.callers is None else ", ".join(f"`{scope}`" for scope in callers.scopes)
        app, _dot, codename = callers.permission.partition(".")
        marks = ["✓" if codename and role.allows(app, codename) else "" for role in ROLES.values()]
        permission = f"`{callers.permission}`" if callers.permission else ""
        own = "✓" if callers.own else ""
        address = _PARAMETER.sub(r"{\1}", route.path)
        yield f"| `{route.method} {address}` | {scopes} | {permission} | {' | '.join(marks)} | {own} |"
    yield ""


def _tables() -> Iterator[str]:
    for app, codenames in permissions().items():
        yield f"## {apps.get_app_config(app).verbose_name} (`{app}`)\n"
        yield f"| permission | {' | '.join(ROLES)} |\n|---|{':-:|' * len(ROLES)}"
        for codename in codenames:
            marks = ("✓" if role.allows(app, codename) else "" for role in ROLES.values())
            yield f"| `{codename}` | {' | '.join(marks)} |"
        yield ""
