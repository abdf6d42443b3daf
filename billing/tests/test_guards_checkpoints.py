"""What the database itself refuses about checkpoints, and that everything else about them may be thrown away."""

from __future__ import annotations

from typing import Final

import pytest

from billing.models import LotCheckpoint, ReconciliationCheckpoint
from billing.operations import ledger
from billing.tests.factories import TESTER, WalletFactory, funded_wallet
from core.tests.guards import Case, Change, Copy, GuardTests, Id, Rows
from core.tests.made_once import made_once

CASES: Final = [
    Case(
        "billing_lotcheckpoint_is_one_per_wallet",
        Copy("lots", {"id": 2_000_000_000, "sequence": 2}),
        Copy("lots", {"id": 2_000_000_000, "wallet_id": Id("other")}),
    ),
    Case(
        "billing_reconciliationcheckpoint_balance_is_not_negative",
        Change("verified", {"balance": -1}),
        Change("verified", {"balance": 0}),
    ),
]


@made_once
def rows() -> Rows:
    wallet = funded_wallet()
    ledger.write_checkpoint(wallet_id=wallet.pk, by=TESTER)
    return {
        "lots": LotCheckpoint.objects.get(wallet=wallet),
        "other": WalletFactory.create(),
        "verified": ReconciliationCheckpoint.objects.create(wallet=wallet, sequence=1, balance=100),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestCheckpoint(GuardTests):
    pass
