"""Passwords are hashed with all the work that Argon2 is meant to take, and with little of it in tests alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher, make_password

from core.tests.hashing import QuickHasher

ROOT: Final = Path(__file__).resolve().parent.parent.parent
FULL: Final = f"m={Argon2PasswordHasher.memory_cost},t={Argon2PasswordHasher.time_cost},"
QUICK: Final = f"m={QuickHasher.memory_cost},t={QuickHasher.time_cost},"

_HASHED: Final = "import django; django.setup(); from django.contrib.auth.hashers import make_password as make; "


def test_takes_all_the_work_outside_of_tests() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{_HASHED}print(make('correct horse'))"],
        cwd=ROOT,
        env={**os.environ, "ENV": "development", "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert done.stdout.startswith("argon2$argon2id$")
    assert FULL in done.stdout


def test_takes_little_of_it_here() -> None:
    assert QUICK in make_password("correct horse")


def test_all_the_work_is_much_more() -> None:
    """As recommended by Django, which raises it as machines grow faster."""
    assert Argon2PasswordHasher.memory_cost >= 12 * QuickHasher.memory_cost
    assert Argon2PasswordHasher.time_cost >= 2
