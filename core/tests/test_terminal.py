"""Commands speak the language of the terminal, from their help to their last word."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
from typing import Final

import pytest
from babel.messages.pofile import read_po

from core import terminal
from core.postgres import ServerError
from core.postgres.errors import marked as _
from core.tests import interpreters

ROOT: Final = interpreters.ROOT
RUSSIAN: Final = re.compile(r"[а-яё]", re.IGNORECASE)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "ru"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "ru_RU"}, "ru"),
        ({"LANG": "", "LC_ALL": ""}, "ru"),
        ({"LANG": "C.UTF-8"}, "ru"),
        ({"LANG": "C.UTF-8", "LANGUAGE_CODE": "en"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE_CODE": "en"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE_CODE": "en"}, "ru"),
        ({"LANG": "rue_SK.UTF-8", "LANGUAGE_CODE": "en"}, "en"),
        ({"LANGUAGE_CODE": "de"}, "ru"),
    ],
)
def test_the_language_is_the_terminal_s_else_the_house_s(environment: dict[str, str], language: str) -> None:
    assert terminal.language(environment, encoding="utf-8") == language


@pytest.mark.parametrize(
    ("encoding", "language"), [("utf-8", "ru"), ("cp1251", "ru"), ("koi8-r", "en"), ("ascii", "en"), ("x", "en")]
)
def test_a_terminal_without_cyrillic_letters_is_spoken_to_in_english(encoding: str, language: str) -> None:
    assert terminal.language({"LANG": "ru_RU"}, encoding=encoding) == language


def test_words_are_found_without_django() -> None:
    asked = (
        "import sys; from core import terminal; from core.postgres import EmbeddedServer\n"
        "print(terminal.gettext('PostgreSQL runs.')); print('django' in sys.modules)"
    )
    assert ran("-c", asked, LANG="ru_RU.UTF-8").stdout == "PostgreSQL работает.\nFalse\n"
    assert ran("-c", asked, LANG="en_US.UTF-8").stdout == "PostgreSQL runs.\nFalse\n"


def test_an_error_of_the_server_is_english_until_a_door_translates_it() -> None:
    error = ServerError(_("%(path)s cannot be read: %(why)s"), path="/100%", why="no")
    assert str(error) == "/100% cannot be read: no"
    assert error.said(lambda text: text.replace("cannot be read", "не читается")) == "/100% не читается: no"
    assert str(ServerError("100% full")) == "100% full"


KNOWN: Final = {
    "PATH": os.defpath,
    "PYTHONPATH": str(ROOT),
    "DVORIK_HOME": "/nonexistent",
    "PYTHONIOENCODING": "utf-8",
}


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python that knows of nothing but its terminal."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=KNOWN | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("language", "is_russian"), [("ru_RU.UTF-8", True), ("en_US.UTF-8", False)])
@pytest.mark.parametrize(
    ("arguments", "status", "translated"),
    [
        (["pg", "--help"], 0, "usage|options|actions|show this help"),
        (["pg", "nothing"], 2, "invalid choice|error"),
        (["pg", "status"], 3, "No server"),
        (["create_api_key", "--name=x", "--scope=y", "--expires-in-days=soon"], 2, "no number of days|error"),
        (["showmigrations"], 1, "Start it"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_commands_speak_the_terminal_s_language(
    arguments: list[str], *, status: int, translated: str, language: str, is_russian: bool
) -> None:
    answer = interpreters.run(["manage.py", *arguments], environment=KNOWN | {"LANG": language})
    said = answer.stdout + answer.stderr
    assert answer.returncode == status, said
    assert bool(RUSSIAN.search(said)) == is_russian
    assert bool(re.search(translated, said)) != is_russian, said


def test_a_python_that_was_just_started_speaks_it_too() -> None:
    assert RUSSIAN.search(ran("manage.py", "pg", "status", LANG="ru_RU.UTF-8").stderr)


def test_make_run_speaks_it_too() -> None:
    assert ran("-m", "scripts.run", LANG="ru_RU.UTF-8", PORT="x").stderr == "PORT — 'x', а нужно число от 1 до 65535\n"
    assert "it must be a number" in ran("-m", "scripts.run", LANG="en_US.UTF-8", PORT="x").stderr


def test_what_argparse_says_is_translated_in_the_words_that_it_uses() -> None:
    with (terminal.LOCALE / "argparse" / "ru" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        known = {
            message.id if isinstance(message.id, str) else message.id[0] for message in read_po(file) if message.id
        }
    source = inspect.getsource(argparse)
    assert {text for text in known if repr(text)[1:-1] not in source} == set()
