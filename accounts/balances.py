"""
What people own, read through to whoever keeps it. This floor knows nothing of money; billing registers a reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BalanceView:
    """
    :param token_balance: tokens, without those that have expired
    :param balance_version: grows by one with each change of the balance
    :param subscription_end: the moment until which a subscription runs, or ran
    """

    token_balance: int = 0
    balance_version: int = 0
    subscription_end: datetime | None = None


class BalanceReader(Protocol):
    """Answers for many people at once, with a number of queries that does not depend on how many they are."""

    def __call__(self, user_ids: list[UUID]) -> Mapping[UUID, BalanceView]: ...


NOTHING: Final = BalanceView()

_readers: Final[list[BalanceReader]] = []


def register_balance_reader(reader: BalanceReader) -> None:
    """Name the one who keeps balances. Called from an app's ``ready()``; a later reader takes over."""
    _readers[:] = [reader]


def balances_of(user_ids: Iterable[UUID]) -> dict[UUID, BalanceView]:
    """The balances of people, zeros for those of whom nothing is known."""
    wanted = list(user_ids)
    known = _readers[0](wanted) if _readers and wanted else {}
    return {user_id: known.get(user_id, NOTHING) for user_id in wanted}


def balance_of(user_id: UUID) -> BalanceView:
    """The balance of one person."""
    return balances_of([user_id])[user_id]
