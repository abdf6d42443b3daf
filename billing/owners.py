"""Whose wallet is meant: by user, Telegram id, company, or the wallet itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from django.db.models import Q

OwnerKind = Literal["user", "telegram", "company", "wallet"]

# How each kind narrows ``billing_wallet w``; the parameter is named ``owner``.
CONDITIONS: Final[dict[OwnerKind, str]] = {
    "user": "w.user_id = %(owner)s::uuid",
    "telegram": "w.user_id = (SELECT u.id FROM accounts_user u WHERE u.telegram_id = %(owner)s::bigint)",
    "company": "w.company_id = %(owner)s::uuid",
    "wallet": "w.id = %(owner)s::uuid",
}

_LOOKUPS: Final[dict[OwnerKind, str]] = {
    "user": "user_id",
    "telegram": "user__telegram_id",
    "company": "company_id",
    "wallet": "pk",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """
    Names a wallet without a query.

    >>> Owner.telegram(123456789)
    """

    kind: OwnerKind
    value: UUID | int

    @classmethod
    def user(cls, user_id: UUID) -> Owner:
        return cls("user", user_id)

    @classmethod
    def telegram(cls, telegram_id: int) -> Owner:
        return cls("telegram", telegram_id)

    @classmethod
    def company(cls, company_id: UUID) -> Owner:
        return cls("company", company_id)

    @classmethod
    def wallet(cls, wallet_id: UUID) -> Owner:
        return cls("wallet", wallet_id)

    def narrowed(self) -> Q:
        """The filter on wallets that leaves the one."""
        return Q(**{_LOOKUPS[self.kind]: self.value})

    @property
    def condition(self) -> str:
        """The SQL that finds the wallet."""
        return CONDITIONS[self.kind]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
