"""``docs/roles.md``: who may do what, written from the one definition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.apps import AppConfig, apps
from django.contrib.auth import get_permission_codename
from django.utils import translation

from accounts.roles import FRAMEWORK, ROLES

HEADER: Final = """# Who may do what

Written by `python manage.py roles --write` from [accounts/roles.py](../accounts/roles.py), the one definition; a test
compares the two. Roles are made equal to it after each `migrate` ([why][adr]). Who has which role is kept with the
people, in Admin. Servers do not have roles: their keys have scopes.

[adr]: adr/0003-roles-are-made-equal-to-the-code-after-each-migrate.md
"""


def page() -> str:
    """The whole page, in English."""
    with translation.override("en"):
        return "\n".join([HEADER, *_titles(), *_tables()])


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


def _tables() -> Iterator[str]:
    for app, codenames in permissions().items():
        yield f"## {apps.get_app_config(app).verbose_name} (`{app}`)\n"
        yield f"| permission | {' | '.join(ROLES)} |\n|---|{':-:|' * len(ROLES)}"
        for codename in codenames:
            marks = ("✓" if role.allows(app, codename) else "" for role in ROLES.values())
            yield f"| `{codename}` | {' | '.join(marks)} |"
        yield ""
