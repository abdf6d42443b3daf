"""The judge of the crash test is judged: each way in which books can lie is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fault.history import Answer, Books, Charge, History, Row, check

PROBLEM = "application/problem+json"


def history() -> History:
    """One client, two charges and a refusal; the first charge was confirmed at the second try."""
    told = History()
    for key, tokens in (("a", 2), ("b", 3), ("c", 99)):
        told.attempt(Charge(key, "ann", tokens))
    for answer in (
        Answer("a", 503, PROBLEM),
        Answer("a", 201, transaction="row-a"),
        Answer("b", 201, transaction="row-b"),
        Answer("b", 201, transaction="row-b"),
        Answer("c", 402, PROBLEM),
    ):
        told.answer(answer)
    return told


def books() -> Books:
    """What fits this history."""
    rows = [
        Row("row-1", "ann", 1, "grant", 10, 10),
        Row("row-a", "ann", 2, "a", -2, 8),
        Row("row-b", "ann", 3, "b", -3, 5),
    ]
    return Books(rows, {"ann": 5})


def test_finds_nothing_wrong_with_true_books() -> None:
    assert check(history(), books()) == []


def without_last(told: Books) -> Books:
    return Books(told.rows[:-1], {"ann": 8})


def with_row(row: Row, balance: int) -> Callable[[Books], Books]:
    return lambda told: Books([*told.rows, row], {"ann": balance})


def with_last(**changes: object) -> Callable[[Books], Books]:
    return lambda told: Books([*told.rows[:-1], replace(told.rows[-1], **changes)], told.balances)  # type: ignore[arg-type]  # of one row's fields


@pytest.mark.parametrize(
    ("tampered", "sentence"),
    [
        (without_last, "b: confirmed and lost"),
        (with_row(Row("row-c", "ann", 4, "b", -3, 2), 2), "b: doubled"),
        (with_row(Row("row-x", "ann", 4, "x", -1, 4), 4), "x: booked and never attempted"),
        (with_row(Row("row-c", "ann", 4, "c", -1, 4), 4), "c: refused and booked"),
        (with_last(id="row-z"), "b: confirmed as row-b, booked as row-z"),
        (with_last(tokens_delta=-4), "b: booked otherwise than asked"),
        (with_last(user="bob"), "b: booked otherwise than asked"),
        (with_last(sequence=5), "ann: the ledger has gaps"),
        (with_last(balance_after=6), "ann: after row 3 the balance is 6, not 5"),
        (lambda told: Books(told.rows, {"ann": 6}), "ann: the wallet says 6, its ledger 5"),
        (lambda told: Books(told.rows, {"ann": -1}), "ann: overdrawn"),
    ],
)
def test_notices_books_that_lie(tampered: Callable[[Books], Books], sentence: str) -> None:
    assert sentence in check(history(), tampered(books()))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer("a", 500, PROBLEM), "a: answered 500"),
        (Answer("a", 502, "text/html"), "a: answered 502"),
        (Answer("a", 503, "text/html"), "a: a 503 that is no problem document: text/html"),
        (Answer("b", 201, transaction="row-y"), "b: different answers to one key: ['row-b', 'row-y']"),
        (Answer("b", 402, PROBLEM), "b: refused and booked"),
    ],
)
def test_notices_answers_that_must_not_be(answer: Answer, sentence: str) -> None:
    told = history()
    told.answer(answer)
    assert sentence in check(told, books())


def test_notices_a_charge_that_nobody_settled() -> None:
    told = history()
    told.attempt(Charge("d", "ann", 1))
    assert check(told, books()) == ["d: never settled"]
