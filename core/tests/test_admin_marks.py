"""Marks that nobody sees are shown on Admin's pages, and forms keep them."""

from __future__ import annotations

import pytest

from core.admin.marks import shown, shown_in_page
from core.ids import uuid7
from core.models import Job
from core.tests.operators import Operator

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0f"


@pytest.mark.parametrize("mark", "\x00\x1b\x7f\x85\u00ad\u061c\u200b\u200e\u200f\u2028\u202a\u202e\u2066\u2069\ufeff")
def test_a_mark_is_shown_by_its_number(mark: str) -> None:
    assert shown(f"Anna{mark}fdp.exe") == f"Anna⟦U+{ord(mark):04X}⟧fdp.exe"


@pytest.mark.parametrize("text", ["Анна\u00a0К.", FAMILY, "نور", "a\tb\r\nc", "می\u200cخواهم"])
def test_letters_emoji_and_spaces_are_left_alone(text: str) -> None:
    assert shown(text) == text


def test_only_texts_of_a_page_are_looked_at() -> None:
    page = (
        '<title>a\u202eb</title><a title="c\u202ed">e\u202ef</a><textarea>g\u202eh</textarea><input value="i\u202ej">'
    )
    assert shown_in_page(page) == page.replace("a\u202eb", "a⟦U+202E⟧b").replace("e\u202ef", "e⟦U+202E⟧f")


@pytest.mark.django_db
def test_pages_show_them_whoever_wrote_the_template() -> None:
    row = Job.objects.create(
        id=uuid7(), name="core.some", max_attempts=1, lease_seconds=60, last_error="RuntimeError: \u202egpj.exe"
    )
    operator = Operator()
    for answer in (operator.list(Job), operator.page(row)):
        text = answer.content.decode()
        assert "⟦U+202E⟧gpj.exe" in text
        assert int(answer.headers["Content-Length"]) == len(answer.content)
