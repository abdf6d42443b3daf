"""Idempotency keys, and what a key stands for."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules import keys
from core.errors import IdempotencyKeyInvalid


@pytest.mark.parametrize("key", ["a", "x" * 255, "order 17/charge~1", string.printable[:95]])
def test_takes_printable_keys(key: str) -> None:
    assert keys.checked(key) == key


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 256, id="too long"),
        pytest.param("ключ", id="not ASCII"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\nb", id="a line break"),
        pytest.param("a\n", id="a line break at the end"),
        pytest.param("billing:invoice:1", id="one that billing makes itself"),
    ],
)
def test_refuses_other_keys(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid) as refusal:
        keys.checked(key)
    assert list(refusal.value.fields) == ["idempotency_key"]


def test_makes_keys_that_callers_cannot() -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        keys.checked(keys.own("invoice", 17, "purchase"))


@given(st.dictionaries(st.sampled_from(["tokens", "description", "metadata"]), st.integers() | st.text()))
def test_equal_requests_have_equal_hashes(asked: dict[str, object]) -> None:
    reordered = dict(reversed(asked.items()))
    assert keys.request_hash("charge", **asked) == keys.request_hash("charge", **reordered)
    assert len(keys.request_hash("charge", **asked)) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tokens": 1}, {"tokens": 2}),
        ({"tokens": 1}, {"tokens": "1"}),
        ({"metadata": {"a": 1}}, {"metadata": {"a": 2}}),
        ({"description": ""}, {"description": " "}),
        ({"a": "1,b:2"}, {"a": "1", "b": "2"}),
    ],
)
def test_other_requests_have_other_hashes(one: dict[str, object], other: dict[str, object]) -> None:
    assert keys.request_hash("charge", **one) != keys.request_hash("charge", **other)


def test_the_same_facts_of_another_deed_have_another_hash() -> None:
    assert keys.request_hash("charge", tokens=1) != keys.request_hash("hold", tokens=1)
