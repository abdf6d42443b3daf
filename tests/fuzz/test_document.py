"""
The API keeps to its own OpenAPI document, whatever is asked of it.

``FUZZ_EXAMPLES=500`` looks longer, ``FUZZ_SEED=7`` elsewhere.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import Failure, FailureGroup, ServerError
from schemathesis.openapi.checks import JsonSchemaError, UndefinedContentType, UndefinedStatusCode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from core.tests.made_once import made_once
from tests.fuzz.documents import document_of, within_a_transaction
from tests.fuzz.house import House, furnished

pytestmark = pytest.mark.matrix

SEED: Final = int(os.environ.get("FUZZ_SEED") or 20260131)
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES") or 15)

# A document cannot say every rule of the house ("the end is later than the beginning"), so some bodies that it permits
# are refused all the same. That requests do succeed is asserted of each route as a whole.
_NOT_CHECKED: Final[list[CheckFunction]] = [positive_data_acceptance]

api = document_of("config.urls", seed=SEED, examples=EXAMPLES)


# No bot and no provider is set up here: messaging/tests/test_api_webhooks.py and billing/tests/test_api_checkouts.py
# have one.
_SERVES_NOBODY: Final = ("/internal/", "/checkout")


@partial(made_once, scope="module")
def furniture() -> House:
    return furnished(SEED)


@pytest.fixture
def house(furniture: House, db: None, request: pytest.FixtureRequest) -> Iterator[House]:
    """Each route begins with the same chances; afterwards it is seen whether anybody was served there."""
    made = replace(furniture, random=Random(SEED), answers=Counter())
    print(f"FUZZ_SEED={SEED} FUZZ_EXAMPLES={EXAMPLES}")
    with within_a_transaction():
        yield made
    print(f"answers: {dict(sorted(made.answers.items()))}")
    if any(path in request.node.name for path in _SERVES_NOBODY):
        return
    assert any(200 <= status < 300 for status in made.answers), f"nobody was served: {made.answers}"


@pytest.mark.timeout(600)
@api.parametrize()
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    deadline=None,
    database=None,
)
def test_every_route_answers_as_the_document_says(case: Case[Any], house: House) -> None:
    house.aim(case)
    answer = case.call_and_validate(headers=house.caller(case), excluded_checks=_NOT_CHECKED)
    house.answers[answer.status_code] += 1


@pytest.mark.urls("tests.fuzz.wrong_routes")
@pytest.mark.django_db
class TestChecks:
    """The negative control: what is wrong on purpose is found."""

    wrong = document_of("tests.fuzz.wrong_routes", seed=SEED, examples=1)

    @pytest.mark.parametrize(
        ("path", "failure"),
        [
            ("/broken", ServerError),
            ("/secretive", UndefinedStatusCode),
            ("/crooked", JsonSchemaError),
            ("/plain", UndefinedContentType),
        ],
    )
    def test_find_a_route_that_does_not_answer_as_the_document_says(self, path: str, failure: type[Failure]) -> None:
        with pytest.raises(FailureGroup) as found:
            self.wrong[path]["GET"].Case().call_and_validate(excluded_checks=_NOT_CHECKED)
        assert failure in {type(each) for each in found.value.exceptions}

    def test_have_nothing_against_one_that_does(self) -> None:
        self.wrong["/honest"]["GET"].Case().call_and_validate(excluded_checks=_NOT_CHECKED)
