"""The whole house, as its laws see it: models, tables, guards, files."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.db import connection, models

ROOT: Final = Path(__file__).resolve().parents[2]
APPS: Final = ("core", "audit", "accounts", "messaging", "billing")

Sources = Mapping[str, str]


def house_models() -> list[type[models.Model]]:
    """Every model of the house's own apps."""
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def table_of(model: type[models.Model]) -> str:
    return model._meta.db_table


def rows(question: str, *params: Any) -> list[tuple[Any, ...]]:
    """The answer to a question in SQL."""
    with connection.cursor() as cursor:
        cursor.execute(question, params)
        return list(cursor.fetchall())


@cache
def sources_of_tests() -> Sources:
    """The text of every test file, by its path from the root."""
    return {path: text for path, text in sources().items() if Path(path).name.startswith("test_")}


@cache
def sources() -> Sources:
    """The text of every Python file of the house, by its path from the root."""
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in (*APPS, "config", "scripts", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def functions(text: str) -> Iterator[ast.FunctionDef]:
    """The functions that a module offers."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def decorators(function: ast.FunctionDef) -> set[str]:
    """The names of a function's decorators."""
    return {ast.unparse(each).partition("(")[0] for each in function.decorator_list}
