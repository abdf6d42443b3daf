"""What the database itself refuses about wallets."""

from __future__ import annotations

from typing import Final

import pytest

from accounts.tests.factories import CompanyFactory, UserFactory
from billing.tests.factories import WalletFactory, company_wallet, funded_wallet
from core.ids import uuid7
from core.tests.guards import SOME_MOMENT, Case, Change, Copy, Delete, GuardTests, Id, Rows, TruncationTests
from core.tests.made_once import made_once

NEW: Final = {"id": uuid7(), "user_id": None, "company_id": Id("company")}

CASES: Final = [
    Case(
        "billing_wallet_balance_is_not_negative",
        Change("wallet", {"token_balance": -1, "balance_version": 2}),
        Change("wallet", {"token_balance": 0, "balance_version": 2}),
        behind=("billing_wallet_held_tokens_are_covered",),
    ),
    Case(
        "billing_wallet_held_tokens_are_covered",
        Change("wallet", {"held_tokens": 101}),
        Change("wallet", {"held_tokens": 100}),
    ),
    Case(
        "billing_wallet_held_tokens_are_not_negative",
        Change("wallet", {"held_tokens": -1}),
        Change("wallet", {"held_tokens": 0}),
        behind=("billing_wallet_protected_tokens_are_held",),
    ),
    Case(
        "billing_wallet_debt_is_not_negative",
        Change("wallet", {"debt_tokens": -1}),
        Change("wallet", {"debt_tokens": 1}),
    ),
    Case(
        "billing_wallet_protected_tokens_are_held",
        Change("wallet", {"held_tokens": 5, "protected_tokens": 6}),
        Change("wallet", {"held_tokens": 5, "protected_tokens": 5}),
    ),
    Case(
        "billing_wallet_protected_tokens_are_held",
        Change("wallet", {"protected_tokens": -1}),
        Change("wallet", {"protected_tokens": 0}),
    ),
    Case(
        "billing_wallet_version_is_not_negative",
        Copy("wallet", {**NEW, "balance_version": -1}),
        Copy("wallet", {**NEW, "balance_version": 0}),
    ),
    Case(
        "billing_wallet_has_exactly_one_owner",
        Copy("wallet", {**NEW, "company_id": None}),
        Copy("wallet", NEW),
    ),
    Case(
        "billing_wallet_has_exactly_one_owner",
        Copy("wallet", {**NEW, "user_id": Id("user")}),
        Copy("wallet", {**NEW, "user_id": Id("user"), "company_id": None}),
    ),
    Case(
        "billing_wallet_user_id_key",
        Copy("wallet", {"id": uuid7()}),
        Copy("wallet", {"id": uuid7(), "user_id": Id("user")}),
    ),
    Case(
        "billing_wallet_company_id_key",
        Copy("of a company", {"id": uuid7()}),
        Copy("of a company", {"id": uuid7(), "company_id": Id("company")}),
    ),
    *(
        Case(
            "billing_wallet_owner_is_frozen",
            Change("wallet", values),
            Change("wallet", {"frozen_at": SOME_MOMENT, "frozen_reason": "a doubt"}),
        )
        for values in (
            {"user_id": Id("user")},
            {"user_id": None, "company_id": Id("company")},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case(
        "billing_wallet_balance_moves_with_its_version",
        Change("wallet", {"token_balance": 99}),
        Change("wallet", {"token_balance": 99, "balance_version": 2}),
    ),
    Case(
        "billing_wallet_balance_moves_with_its_version",
        Change("wallet", {"balance_version": 0}),
        Change("wallet", {"balance_version": 1}),
    ),
    Case("billing_wallet_is_never_deleted", Delete("empty"), Change("empty", {"debt_tokens": 1})),
]


@made_once
def rows() -> Rows:
    return {
        "wallet": funded_wallet(tokens=100),
        "empty": WalletFactory.create(),
        "of a company": company_wallet(),
        "user": UserFactory.create(),
        "company": CompanyFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestWallet(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_wallet_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
