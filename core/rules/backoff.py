"""How long to wait before trying again."""

from typing import Final

LONGEST_SECONDS: Final = 3600.0


def pause(*, attempt: int, first: float, chance: float) -> float:
    """
    The pause after a failed attempt, in seconds: doubled each time, at most an hour, then ±50 %, so that what
    failed together does not return together.

    :param attempt: which attempt failed, from 1
    :param first: the pause after the first failure, in seconds
    :param chance: a random number in [0, 1)
    """
    # The exponent is bounded first: 2.0 ** 1100 overflows.
    doubled = first * 2.0 ** min(attempt - 1, 32)
    return min(doubled, LONGEST_SECONDS) * (0.5 + chance)
