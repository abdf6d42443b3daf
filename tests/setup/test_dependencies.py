"""The law of the dependencies, with made-up answers of the one that it asks, and the list of them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from scripts import law_of_dependencies
from scripts.bill_of_materials import bill
from scripts.check import laws

from .conftest import ROOT

CLEAN = {"dependencies": [{"name": "django", "version": "5.2", "vulns": []}], "fixes": []}
HURT = {
    "dependencies": [
        {"name": "django", "version": "5.2", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["5.2.9"]}]},
        {"name": "unheard-of", "skip_reason": "not found on PyPI"},
    ],
}


def answers(folder: Path, *, says: str = "", complains: str = "", status: int = 0, hangs: bool = False) -> list[str]:
    """A command that answers so."""
    tool = folder / "pip_audit.py"
    tool.write_text(
        "import sys, threading\n"
        f"{'threading.Event().wait()' if hangs else ''}\n"
        f"sys.stdout.write({says!r}); sys.stderr.write({complains!r}); sys.exit({status})\n",
        "utf-8",
    )
    return [sys.executable, str(tool)]


def test_is_kept_where_nothing_is_known(tmp_path: Path) -> None:
    done = law_of_dependencies.audit(answers(tmp_path, says=json.dumps(CLEAN)))
    assert (done.is_clean, done.told) == (True, [])


def test_is_broken_by_what_is_known(tmp_path: Path) -> None:
    done = law_of_dependencies.audit(answers(tmp_path, says=json.dumps(HURT), status=1))
    assert (done.is_clean, done.told) == (False, ["django 5.2: PYSEC-2026-1, mended in 5.2.9"])


@pytest.mark.parametrize(
    "complains",
    [
        "Traceback\nrequests.exceptions.ProxyError: HTTPSConnectionPool(host='pypi.org', port=443)",
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\nERROR:pip_audit._cli:Tip: …",
        "pip_audit._service.interface.ServiceError",
    ],
)
def test_is_kept_and_says_so_where_nobody_answers(tmp_path: Path, complains: str) -> None:
    done = law_of_dependencies.audit(answers(tmp_path, complains=complains, status=1))
    assert done.is_clean
    assert done.told[0].startswith("not asked: ")


def test_is_kept_and_says_so_where_an_answer_takes_too_long(tmp_path: Path) -> None:
    done = law_of_dependencies.audit(answers(tmp_path, hangs=True), seconds=1)
    assert (done.is_clean, done.told) == (True, ["not asked: no answer within 1 seconds"])


@pytest.mark.parametrize("complains", ["ERROR:pip_audit._cli:requirements.txt is malformed", ""])
def test_is_broken_by_anything_else_that_goes_wrong(tmp_path: Path, complains: str) -> None:
    assert not law_of_dependencies.audit(answers(tmp_path, complains=complains, status=1)).is_clean
    assert not law_of_dependencies.audit([str(tmp_path / "absent")]).is_clean


def test_is_one_of_the_laws() -> None:
    assert "dependencies" in {law.name for law in laws()}


def test_the_bill_of_materials_names_what_the_lock_pins() -> None:
    made = bill((ROOT / "requirements.txt").read_text("utf-8"))
    pinned = re.findall(r"(?m)^([\w.-]+)(?:\[.+?\])?==([\w.+!]+)", (ROOT / "requirements.txt").read_text("utf-8"))
    assert [(each["name"], each["version"]) for each in made["components"]] == sorted(set(pinned))
    assert {"type": "library", "name": "django"}.items() <= next(
        each.items() for each in made["components"] if each["purl"].startswith("pkg:pypi/django@")
    )
