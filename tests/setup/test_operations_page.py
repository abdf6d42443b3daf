"""``docs/OPERATIONS.md`` says what the code says."""

import re

from .conftest import ROOT

PAGE = (ROOT / "docs" / "OPERATIONS.md").read_text("utf-8")


def test_names_every_variable_with_which_an_installation_is_set() -> None:
    described = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), flags=re.MULTILINE)
    first_cells = re.findall(r"^\| (`[A-Z][^|]*)", PAGE, flags=re.MULTILINE)
    listed = re.findall(r"`([A-Z_]+)`", "".join(first_cells))
    assert sorted(set(listed)) == sorted(described)


def test_says_what_to_do_on_every_kind_of_alert() -> None:
    raised = set()
    for app in ("accounts", "audit", "billing", "core", "messaging"):
        for path in (ROOT / app).rglob("*.py"):
            if "tests" not in path.parts:
                raised |= set(re.findall(r"(?:raise_alert\(\s*f?|stuck=)\"([a-z_.]+)", path.read_text("utf-8")))
    explained = re.findall(r"^\| `([a-z_.]+):`", PAGE, flags=re.MULTILINE)
    assert raised, "the search finds where alerts are raised"
    assert {kind for kind in raised if not any(name.startswith(kind) for name in explained)} == set()
    assert {name for name in explained if not any(name.startswith(kind) for kind in raised)} == set()


def test_names_commands_that_exist() -> None:
    from django.core.management import get_commands

    named = set(re.findall(r"manage\.py ([a-z_]+)", PAGE))
    assert named
    assert named <= get_commands().keys()
