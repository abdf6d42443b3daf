"""What the database itself refuses about comparisons with providers' books, and about what they found."""

from __future__ import annotations

from typing import Final

import pytest

from audit.tests.recorded import Case as Record
from audit.tests.recorded import RecordTests
from billing.operations import provider_statements
from billing.tests.factories import TESTER, PaymentFactory
from billing.tests.statement_factories import ProviderStatementFactory, StatementLineFactory
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
)
from core.tests.made_once import made_once

STATES: Final = "billing_statementline_state_fits_its_decision"
AMOUNTS: Final = "billing_statementline_amounts_fit_its_verdict"
BOOKED: Final = {"state": "booked", "decided_by": "Olga", "decided_at": SOME_MOMENT}
IGNORED: Final = {"state": "ignored", "decided_by": "Olga", "decided_at": SOME_MOMENT, "reason": "cash"}
RESOLVED: Final = {"state": "resolved", "decided_at": SOME_MOMENT}
HERE: Final = {"verdict": "missing_here"}
THERE: Final = {
    "verdict": "missing_there",
    "our_amount": 5,
    "our_currency": "RUB",
    "their_amount": None,
    "their_currency": "",
}
DIFFERS: Final = {
    "verdict": "amount_differs",
    "our_amount": 5,
    "our_currency": "RUB",
    "their_amount": 6,
    "their_currency": "RUB",
}
NEW: Final = {"id": uuid7(), "reference": "another"}
LATER: Final = {"until_at": "2100-01-01T00:00:00Z"}

CASES: Final = [
    Case(
        "billing_providerstatement_is_unfinished_once_per_provider",
        Copy("running", {"id": uuid7()}),
        Copy("running", {"id": uuid7(), "provider": "stripe"}),
    ),
    Case(
        "billing_providerstatement_ends_after_it_begins",
        Change("running", {"until_at": "2001-01-01T00:00:00Z"}),
        Change("running", LATER),
    ),
    Case(
        "billing_providerstatement_finished_has_no_error",
        Change("running", {"finished_at": SOME_MOMENT, "error": "silence"}),
        Change("running", {"error": "silence"}),
    ),
    *(
        Case(
            "billing_providerstatement_counts_are_not_negative",
            Change("running", {count: -1}),
            Change("running", {count: 0}),
        )
        for count in ("matched", "missing_here", "missing_there", "amount_differs", "decided")
    ),
    *(
        Case("billing_providerstatement_is_frozen", Change("running", values), Change("running", LATER))
        for values in ({"provider": "stripe"}, {"since_at": "2001-01-01T00:00:00Z"}, {"started_at": SOME_MOMENT})
    ),
    *(
        Case("billing_providerstatement_is_finished_once", Change("finished", values), Change("running", values))
        for values in ({"matched": 1}, {"finished_at": None}, LATER)
    ),
    Case("billing_providerstatement_is_never_deleted", Delete("running"), Change("running", LATER)),
    *(
        Case(
            "billing_statementline_is_one_per_movement",
            Copy("line", {**NEW, "reference": "missed"}),
            Copy("line", {"id": uuid7(), "reference": "missed", **other}),
        )
        for other in ({"provider": "stripe"}, {"direction": "out"}, {"reference": "another"})
    ),
    *(
        Case(AMOUNTS, Change("line", values), Change("line", neighbour))
        for values, neighbour in (
            ({"verdict": "matched"}, HERE),
            ({"our_amount": 5, "our_currency": "RUB"}, HERE),
            ({"our_currency": "RUB"}, HERE),
            ({"their_amount": None, "their_currency": ""}, HERE),
            ({"their_currency": ""}, HERE),
            ({**THERE, "their_amount": 5, "their_currency": "RUB"}, THERE),
            ({**THERE, "our_amount": None, "our_currency": ""}, THERE),
            ({**THERE, "our_currency": ""}, THERE),
            ({**DIFFERS, "our_amount": None}, DIFFERS),
            ({**DIFFERS, "their_currency": ""}, DIFFERS),
            ({**DIFFERS, "our_currency": ""}, DIFFERS),
            ({**DIFFERS, "their_amount": 5}, {**DIFFERS, "their_amount": 5, "their_currency": "USD"}),
        )
    ),
    *(
        Case(STATES, Change("line", values), Change("line", neighbour))
        for values, neighbour in (
            ({"state": "forgotten"}, RESOLVED),
            ({"decided_by": "Olga"}, BOOKED),
            ({"decided_at": SOME_MOMENT}, RESOLVED),
            ({"reason": "cash"}, IGNORED),
            ({**BOOKED, "decided_by": ""}, BOOKED),
            ({**BOOKED, "decided_at": None}, BOOKED),
            ({**BOOKED, "reason": "cash"}, BOOKED),
            ({**BOOKED, **DIFFERS}, BOOKED),
            ({**IGNORED, "reason": ""}, IGNORED),
            ({**IGNORED, "decided_by": ""}, IGNORED),
            ({**IGNORED, "decided_at": None}, IGNORED),
            ({**RESOLVED, "decided_by": "Olga"}, RESOLVED),
            ({**RESOLVED, "decided_at": None}, RESOLVED),
            ({**RESOLVED, "reason": "cash"}, RESOLVED),
        )
    ),
    *(
        Case("billing_statementline_is_frozen", Change("line", values), Change("line", {"payment_id": Id("payment")}))
        for values in (
            {"statement_id": Id("finished")},
            {"provider": "stripe"},
            {"reference": "another"},
            {"direction": "out"},
            {"provider_payment_id": "another"},
            {"occurred_at": SOME_MOMENT},
            {"created_at": SOME_MOMENT},
        )
    ),
    *(
        Case("billing_statementline_is_decided_once", Change("ignored", values), Change("line", neighbour))
        for values, neighbour in (
            ({"reason": "another"}, IGNORED),
            ({"state": "open", "decided_by": "", "decided_at": None, "reason": ""}, {"fact": "{}"}),
            ({**BOOKED, "reason": ""}, BOOKED),
            ({"payment_id": Id("payment")}, {"payment_id": Id("payment")}),
        )
    ),
    Case("billing_statementline_is_never_deleted", Delete("line"), Change("line", RESOLVED)),
]


@made_once
def rows() -> Rows:
    ignored = StatementLineFactory.create()
    provider_statements.ignore(line_id=ignored.pk, reason="cash", by=TESTER)
    return {
        "running": ProviderStatementFactory.create(finished_at=None),
        "finished": ProviderStatementFactory.create(provider="stripe"),
        "line": StatementLineFactory.create(reference="missed"),
        "ignored": ignored,
        "payment": PaymentFactory.create(),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestStatementGuards(GuardTests):
    pass


RECORDS: Final = [
    Record("billing_statementline_is_audited", Copy("line", NEW), "billing.statementline.created"),
    Record("billing_statementline_is_audited", Change("line", IGNORED), "billing.statementline.updated"),
]


@pytest.mark.parametrize("case", RECORDS, ids=str)
class TestRecords(RecordTests):
    pass


@pytest.mark.parametrize(
    "guard", ["billing_statementline_is_never_truncated", "billing_providerstatement_is_never_truncated"]
)
class TestTruncation(TruncationTests):
    pass
