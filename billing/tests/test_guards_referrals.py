"""What the database itself refuses about who brought whom, and what that earned."""

from __future__ import annotations

from typing import Final

import pytest

from accounts.tests.factories import UserFactory
from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.tests.factories import InvoiceFactory, PaymentFactory, TariffFactory, WalletFactory, add_lot, brought
from core.ids import uuid7
from core.tests.guards import (
    SOME_MOMENT,
    Case,
    Change,
    Copy,
    Delete,
    GuardTests,
    Id,
    Rows,
    TruncationTests,
    execute,
)
from core.tests.made_once import made_once

STATES: Final = "billing_referral_state_fits_its_facts"
EDGES: Final = "billing_referral_state_follows_its_edges"
QUALIFIED: Final = {
    "state": "qualified",
    "reward_tokens": 5,
    "payment_id": Id("payment"),
    "qualified_at": SOME_MOMENT,
    "matures_at": SOME_MOMENT,
}
REWARDED: Final = {"state": "rewarded", "lot_id": Id("lot"), "rewarded_at": SOME_MOMENT}
REVERSED: Final = {"state": "reversed", "reversed_at": SOME_MOMENT}
RESTORED: Final = {"state": "qualified", "reversed_at": None}
NEW: Final = {"id": uuid7(), "referrer_id": Id("stranger"), "referred_id": Id("newcomer")}

CASES: Final = [
    Case(
        "billing_referral_is_one_per_pair",
        Copy("pending", {"id": uuid7()}),
        Copy("pending", NEW),
        in_front=("billing_referral_is_one_per_referred",),
    ),
    Case(
        "billing_referral_is_one_per_referred",
        Copy("pending", {"id": uuid7(), "referrer_id": Id("stranger")}),
        Copy("pending", NEW),
    ),
    Case(
        "billing_referral_is_of_somebody_else",
        Copy("pending", {**NEW, "referrer_id": Id("newcomer")}),
        Copy("pending", NEW),
    ),
    Case(
        "billing_referral_has_no_cycle",
        Copy("pending", {"id": uuid7(), "referrer_id": Id("brought"), "referred_id": Id("bringer")}),
        Copy("pending", {"id": uuid7(), "referrer_id": Id("brought"), "referred_id": Id("newcomer")}),
    ),
    *(
        Case(STATES, Change("pending", values), Change("pending", QUALIFIED))
        for values in (
            {**QUALIFIED, "reward_tokens": 0},
            {**QUALIFIED, "payment_id": None},
            {**QUALIFIED, "qualified_at": None},
            {**QUALIFIED, "matures_at": None},
            {**QUALIFIED, "lot_id": Id("lot")},
            {**QUALIFIED, "rewarded_at": SOME_MOMENT},
            {**QUALIFIED, "reversed_at": SOME_MOMENT},
        )
    ),
    *(
        Case(STATES, Change("qualified", values), Change("qualified", REWARDED))
        for values in (
            {**REWARDED, "lot_id": None},
            {**REWARDED, "rewarded_at": None},
            {**REWARDED, "reversed_at": SOME_MOMENT},
            {**REVERSED, "reversed_at": None},
            {**REVERSED, "lot_id": Id("lot")},
            {**REVERSED, "rewarded_at": SOME_MOMENT},
        )
    ),
    Case(STATES, Copy("pending", {**NEW, "state": "lost"}), Copy("pending", NEW)),
    *(
        Case(EDGES, Change("qualified", values), Change("qualified", REVERSED))
        for values in (
            {"matures_at": SOME_MOMENT},
            {**REVERSED, "reward_tokens": 6},
            {**REVERSED, "payment_id": Id("payment")},
            {**REVERSED, "qualified_at": SOME_MOMENT},
        )
    ),
    # Only what was given before is given once more.
    Case(EDGES, Change("reversed", {**REWARDED, "reversed_at": None}), Change("qualified", REWARDED)),
    *(
        Case(EDGES, Change("rewarded", {**REVERSED, **values}), Change("rewarded", REVERSED))
        for values in ({"lot_id": Id("lot")}, {"rewarded_at": SOME_MOMENT})
    ),
    Case(EDGES, Change("reversed", {"state": "pending"}), Change("reversed", RESTORED), behind=(STATES,)),
    Case(
        "billing_referral_payment_id_key",
        Change("pending", {**QUALIFIED, "payment_id": Id("its payment")}),
        Change("pending", QUALIFIED),
    ),
    Case(
        "billing_referral_lot_id_key",
        Copy("rewarded", {**NEW, "payment_id": Id("payment")}),
        Copy("rewarded", {**NEW, "payment_id": Id("payment"), "lot_id": Id("lot")}),
    ),
    *(
        Case("billing_referral_is_frozen", Change("pending", values), Change("pending", QUALIFIED), behind=(EDGES,))
        for values in (
            {"referrer_id": Id("stranger")},
            {"referred_id": Id("newcomer")},
            {"created_at": SOME_MOMENT},
        )
    ),
    Case("billing_referral_is_never_deleted", Delete("pending"), Change("pending", QUALIFIED)),
]


@made_once
def rows() -> Rows:
    pending, qualified, rewarded, reversed_ = (brought() for _number in range(4))
    paid = [
        PaymentFactory.create(
            invoice=InvoiceFactory.create(wallet=each.referred.wallet, tariff=TariffFactory.create(tokens=100))
        )
        for each in (qualified, rewarded, reversed_)
    ]
    execute("UPDATE billing_referral SET state = 'reversed', reversed_at = now() WHERE id = %s", reversed_.pk)
    reward = WalletFactory.create()
    add_lot(reward, 10)
    execute(
        "UPDATE billing_referral SET state = 'rewarded', rewarded_at = now(), lot_id = %s WHERE id = %s",
        reward.transactions.get().pk,
        rewarded.pk,
    )
    spare = WalletFactory.create()
    add_lot(spare, 5)
    return {
        "pending": pending,
        "bringer": pending.referrer,
        "brought": pending.referred,
        "qualified": qualified,
        "its payment": paid[0],
        "rewarded": rewarded,
        "reversed": reversed_,
        "payment": PaymentFactory.create(),
        "lot": spare.transactions.get(),
        "stranger": UserFactory.create(),
        "newcomer": UserFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestReferralGuards(GuardTests):
    pass


RECORDS: Final = [
    Record("billing_referral_is_audited", Copy("pending", NEW), "billing.referral.created"),
    Record("billing_referral_is_audited", Change("pending", QUALIFIED), "billing.referral.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize("guard", ["billing_referral_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
