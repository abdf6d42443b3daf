"""A route that stands still leaves threads to the others."""

from __future__ import annotations

from core.congestion import CONGESTED_SECONDS, Congestion


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_lets_everybody_in_while_nothing_stands_still() -> None:
    congestion = Congestion(threads=4)
    assert all(congestion.enter("charges") for _each in range(40))


def stuck(clock: Clock) -> Congestion:
    """Four threads, and charges ran out of time a moment ago."""
    congestion = Congestion(threads=4, clock=clock)
    for _each in range(4):
        assert congestion.enter("charges")
    for _each in range(4):
        congestion.leave("charges", ran_out_of_time=True)
    return congestion


def test_keeps_a_thread_free_of_what_stands_still() -> None:
    congestion = stuck(Clock())
    assert [congestion.enter("charges") for _each in range(5)] == [True, True, True, False, False]
    assert all(congestion.enter("tariffs") for _each in range(10))
    congestion.leave("charges", ran_out_of_time=False)
    assert congestion.enter("charges")


def test_counts_what_stands_still_together() -> None:
    congestion = stuck(Clock())
    assert congestion.enter("holds")
    congestion.leave("holds", ran_out_of_time=True)
    assert [congestion.enter("charges"), congestion.enter("charges"), congestion.enter("holds")] == [True] * 3
    assert not congestion.enter("holds")
    assert not congestion.enter("charges")


def test_forgets_after_a_while() -> None:
    clock = Clock()
    congestion = stuck(clock)
    assert [congestion.enter("charges") for _each in range(4)] == [True, True, True, False]
    clock.seconds = CONGESTED_SECONDS
    assert congestion.enter("charges")


def test_lets_one_try_where_there_is_one_thread() -> None:
    congestion = Congestion(threads=1)
    assert congestion.enter("charges")
    congestion.leave("charges", ran_out_of_time=True)
    assert congestion.enter("charges")
    assert not congestion.enter("charges")
