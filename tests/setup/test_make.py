"""What ``make run`` decides before it starts anything."""

import subprocess
import sys
from pathlib import Path

from scripts.run import digest_of_static_files

from .conftest import ROOT


def test_takes_a_python_that_runs_and_not_the_name_of_one(tmp_path: Path) -> None:
    """Version managers put up names for Pythons that are not chosen: they answer with an error."""
    for name, answer in (("python3.13", "echo no >&2; exit 127"), ("python3", f'exec "{sys.executable}" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    ask = [
        "/usr/bin/env",
        "-i",
        f"PATH={tmp_path}",
        make(),
        "--no-print-directory",
        "--eval=ask:;@: $(info $(PYTHON))",
        "ask",
    ]
    said = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("python3\n", "")


def test_says_what_to_install_where_there_is_no_python(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    refused = subprocess.run(
        [make(), "PYTHON=", ".venv/bin/python"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "Python 3.11 or newer with its venv module is needed" in refused.stdout
    assert not (tmp_path / ".venv").exists()


def make() -> str:
    """The program's path, for where PATH leads elsewhere."""
    return subprocess.run(
        ["/bin/sh", "-c", "command -v make"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_collects_static_files_when_a_source_changes_and_not_for_what_it_has_made(tmp_path: Path) -> None:
    made = {tmp_path / "var", tmp_path / "data"}
    for folder in ("core", "var", "data"):
        (tmp_path / folder / "static").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("unfold==1")
    (tmp_path / "core" / "static" / "admin.css").write_text("a")
    before = digest_of_static_files(tmp_path, made=made)
    for folder in ("var", "data"):
        (tmp_path / folder / "static" / "admin.css").write_text("a")
    assert digest_of_static_files(tmp_path, made=made) == before
    (tmp_path / "core" / "static" / "more.css").write_text("b")
    with_more = digest_of_static_files(tmp_path, made=made)
    assert with_more != before
    (tmp_path / "requirements.txt").write_text("unfold==2")
    assert digest_of_static_files(tmp_path, made=made) != with_more
