"""The law of the locks finds what it is there to find."""

import shutil
from pathlib import Path

import pytest

from scripts.laws_of_locks import findings

from .conftest import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's file and locks, to be spoilt."""
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_ours_are_what_the_project_asks_for(copy: Path) -> None:
    assert list(findings(copy)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("pyproject.toml", '"psutil>=6"', '"psutil>=600"', "does not hold psutil>=600"),
        ("pyproject.toml", '"psutil>=6"', '"psutil>=6", "unheard-of"', "does not hold unheard-of"),
        ("pyproject.toml", '"pytest>=8"', '"pytest<8"', "requirements-dev.txt does not hold pytest<8"),
        ("requirements.txt", "amqp==", "amqp==0.", "amqp is another one in requirements-dev.txt"),
        ("requirements.txt", "amqp==", "--index-url https://pypi.example\namqp==", "is no pinned package"),
        ("requirements.txt", "amqp==", "some @ https://pypi.example/some.whl\namqp==", "is no pinned package"),
        ("requirements.txt", "amqp==", "some==1\namqp==", "'some==1' has no hash"),
    ],
)
def test_finds_a_lock_that_is_not(copy: Path, name: str, old: str, new: str, finding: str) -> None:
    text = (copy / name).read_text("utf-8")
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1), "utf-8")
    assert any(finding in found for found in findings(copy))
