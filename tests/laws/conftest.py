"""What the laws about routes ask about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import pytest
from django.test import Client

from accounts.api.authentication import forget_answers
from core.tests.made_once import made_once


@partial(made_once, scope="module")
def things() -> Mapping[str, str]:
    # Not before each app's tests have said which of their helpers have asserts of their own.
    from tests.laws.callers import furnished

    return furnished()


@partial(made_once, scope="module")
def clients() -> Mapping[str, Client]:
    from tests.laws.callers import everybody

    return everybody()


@pytest.fixture
def world(things: Mapping[str, str], db: None) -> Iterator[Mapping[str, str]]:
    """One thing of each kind that an address can name."""
    forget_answers()
    yield things
    forget_answers()
