"""Rows that many tests use and none may keep its changes of: made once, and not before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

import pytest
from pytest_django import DjangoDbBlocker

from core.tests.guards import check_deferred, undone

T = TypeVar("T")


def made_once(build: Callable[[], T], *, scope: Literal["class", "module"] = "class") -> Callable[..., Iterator[T]]:
    """
    A fixture of the function's name whose rows live in a transaction around all tests of the scope, each of which has
    its own transaction within. What is made is handed to all of them: it is for asking, not for changing.

    :param build: makes the rows
    :param scope: ``module`` where no test of it opens transactions of its own, or minds what is there already
    """

    @pytest.fixture(scope=scope, name=build.__name__)
    def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[T]:
        with django_db_blocker.unblock(), undone():
            rows = build()
            # A table with checks to come could not be altered by a test.
            check_deferred()
            yield rows

    return made
