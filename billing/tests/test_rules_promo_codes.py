"""How promo codes are written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing.rules.promo_codes import new_code, normalised


@pytest.mark.parametrize("typed", ["spring-10", " SPRING-10\n", "ＳＰＲＩＮＧ-10", "Spring-10"])
def test_finds_one_code_however_it_is_typed(typed: str) -> None:
    assert normalised(typed) == "SPRING-10"


@pytest.mark.parametrize(("typed", "stored"), [("весна", "ВЕСНА"), ("straße", "STRASSE"), ("", "")])
def test_writes_other_letters_large_too(typed: str, stored: str) -> None:
    assert normalised(typed) == stored


@given(st.text(st.characters(categories=("L", "N", "M", "Zs"))))
@example("\u0390")  # its capitals are three characters, two of which compose
@example("ŉ")
def test_a_stored_code_is_found_by_itself(typed: str) -> None:
    assert normalised(normalised(typed)) == normalised(typed)


def test_makes_codes_that_are_already_normalised() -> None:
    made = {new_code("SPRING-") for _number in range(200)}
    assert len(made) == 200
    assert all(code == normalised(code) and len(code) == len("SPRING-") + 8 for code in made)


def test_uses_no_letters_that_people_confuse() -> None:
    assert not set("01OIL") & set("".join(new_code() for _number in range(300)))
