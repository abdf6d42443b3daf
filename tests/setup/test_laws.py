"""The laws that are our own scripts find what they are there to find."""

from pathlib import Path

import pytest

from scripts import laws_of_files, messages
from scripts.check import ROOT, laws


@pytest.mark.parametrize(
    ("name", "line", "finding"),
    [
        ("utils.py", "", "a name that says nothing; name it after what is in it"),
        ("fine.py", "x = 1\n" * 401, "401 lines; a file is full at 400"),
        ("fine.py", "# TODO: later", "unfinished work belongs into an issue"),
        ("fine.py", "x = 1  # noqa", "a silenced finding names its code and its reason"),
        ("fine.py", "x = 1  # noqa: S105", "a silenced finding names its code and its reason"),
        ("fine.py", "x = 1  # type: ignore", "a silenced finding names its code and its reason"),
        ("fine.py", "x = 1  # type: ignore[misc]", "a silenced finding names its code and its reason"),
    ],
)
def test_finds_what_a_file_may_not_have(tmp_path: Path, name: str, line: str, finding: str) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / name).write_text(line)
    [found] = laws_of_files.findings(tmp_path)
    assert found.endswith(finding)


def test_permits_a_reasoned_exception(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "fine.py").write_text(
        "x = 1  # noqa: S105 (no secret)\ny = x  # type: ignore[misc]  # why\nz = '# TODO: in a text'\n"
    )
    assert list(laws_of_files.findings(tmp_path)) == []
    (tmp_path / "stray").mkdir()
    assert len(list(laws_of_files.findings(tmp_path))) == 1, "nothing else grows at the root"


PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

#, python-format
msgid "%(count)d tokens"
msgstr "{translation}"
"""


def test_finds_a_translation_that_is_missing_not_compiled_or_lost_its_place(tmp_path: Path) -> None:
    source = tmp_path / "django.po"
    source.write_text(PO.format(translation="%(count)d токенов"))
    assert list(messages.of_one_file(source)) == ["django.mo is not compiled from its source: run `make messages`"]
    source.with_suffix(".mo").write_bytes(messages.compiled(source))
    assert list(messages.of_one_file(source)) == []
    source.write_text(PO.format(translation="токены"))
    assert list(messages.of_one_file(source)) == ["django.po:6: '%(count)d tokens' lost %(count)"]
    source.write_text(PO.format(translation=""))
    assert "django.po: '%(count)d tokens' has no translation" in list(messages.of_one_file(source))


def test_every_law_is_asked_by_make_check() -> None:
    asked = {law.name for law in laws()}
    assert asked >= {"format", "style", "floors", "types", "security", "models", "migrations", "deployment", "openapi"}
    assert "scripts.check" in (ROOT / "Makefile").read_text("utf-8")
