"""docs/MONEY.md says the truth: every constraint, operation, lock and test that it names is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from importlib import import_module
from typing import Final

import pytest

from tests.laws.house import ROOT, Sources, rows, sources_of_tests

PAGE: Final = ROOT / "docs" / "MONEY.md"
QUOTED: Final = re.compile(r"`([^`\n]+)`")
GUARD: Final = re.compile(r"(billing|accounts|audit|core)_[a-z_]+_[a-z_]+")
CODE: Final = re.compile(r"(billing|accounts|audit|core)(\.\w+)+")
INVARIANTS: Final = [f"I{number}" for number in range(1, 14)]


def named(page: str) -> list[str]:
    """Everything that the page puts between backquotes."""
    return QUOTED.findall(page)


def absent(page: str, in_database: Collection[str], tests: Sources) -> Iterator[str]:
    """What the page names and the house does not have."""
    for name in named(page):
        path, _, test = name.partition("::")
        if path.endswith(".py"):
            text = tests.get(path)
            if text is None or (test and not re.search(rf"(def|class) {re.escape(test)}\b", text)):
                yield name
        elif GUARD.fullmatch(name):
            if name not in in_database:
                yield name
        elif CODE.fullmatch(name):
            module, _, attribute = name.rpartition(".")
            if not hasattr(import_module(module), attribute):
                yield name


def unproved(page: str) -> list[str]:
    """Invariants without a row, or with one that names neither a guard with its test nor that it is not built yet."""
    found = []
    for invariant in INVARIANTS:
        row = re.search(rf"^\| \*\*{invariant}\*\* \|(.*)\|(.*)\|(.*)\|$", page, re.MULTILINE)
        if row is None:
            found.append(invariant)
        elif "Not yet" not in row[2]:
            is_held = any(GUARD.fullmatch(name) for name in named(row[2]))
            if not is_held or not any("::" in name for name in named(row[3])):
                found.append(invariant)
    return found


def _in_database() -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT conname FROM pg_constraint UNION SELECT tgname FROM pg_trigger UNION SELECT relname FROM pg_class"
        )
    }


@pytest.mark.django_db
def test_every_name_on_the_page_exists() -> None:
    page = PAGE.read_text("utf-8")
    assert list(absent(page, _in_database(), sources_of_tests())) == []
    assert sum(bool(GUARD.fullmatch(name)) for name in named(page)) > 40
    assert sum("::" in name for name in named(page)) > 20


def test_every_invariant_has_its_guard_and_its_test() -> None:
    assert unproved(PAGE.read_text("utf-8")) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        "billing_wallet_balance_is_not_negativ",
        "billing/tests/test_charges.py::test_that_nobody_wrote",
        "billing/tests/test_nothing.py",
        "billing.locks.nobody",
    ],
)
def test_a_name_that_is_gone_is_found(name: str) -> None:
    assert list(absent(f"see `{name}`", _in_database(), sources_of_tests())) == [name]


def test_an_invariant_that_nothing_proves_is_found() -> None:
    page = PAGE.read_text("utf-8")
    assert unproved(page.replace("| **I7** |", "| **I77** |")) == ["I7"]
    row = next(line for line in page.splitlines() if line.startswith("| **I1** |"))
    assert unproved(page.replace(row, "| **I1** | it is so | somebody | somewhere |")) == ["I1"]
