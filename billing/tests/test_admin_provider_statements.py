"""Differences to providers' books in Admin: seen, booked, ignored for a reason."""

from __future__ import annotations

import pytest

from billing.models import Invoice, Payment, ProviderStatement, StatementLine
from billing.operations import payment_events
from billing.rules import statements
from billing.tests.factories import TESTER
from billing.tests.operators import Operator, deed_of, errors_of, told
from billing.tests.snapshots import snapshot
from billing.tests.statement_factories import ProviderStatementFactory, StatementLineFactory

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


def invoice_of(line: StatementLine) -> Invoice:
    return Invoice.objects.get(pk=line.fact["invoice_id"])


def test_books_what_is_missing_here() -> None:
    operator, line = Operator(), StatementLineFactory.create()
    answer = operator.do(line, "book")
    assert told(answer) == [("success", "It is booked.")]
    line.refresh_from_db()
    assert (line.state, line.decided_by) == ("booked", operator.user.get_username())
    assert line.payment == Payment.objects.get()
    assert invoice_of(line).status == Invoice.Status.PAID


def test_says_when_nobody_knows_what_was_paid_for() -> None:
    line = StatementLineFactory.create()
    StatementLine.objects.filter(pk=line.pk).update(fact={**line.fact, "invoice_id": None})
    ((level, words),) = told(Operator().do(line, "book"))
    assert level == "warning"
    assert "nobody here knows" in words
    assert not Payment.objects.exists()


def test_ignores_for_a_reason() -> None:
    operator, line = Operator(), StatementLineFactory.create()
    before = snapshot()
    assert "reason" in errors_of(operator.do(line, "ignore", reason=""))
    assert snapshot() == before
    assert told(operator.do(line, "ignore", reason="Settled in cash")) == [("success", "The difference is ignored.")]
    line.refresh_from_db()
    assert (line.state, line.reason) == ("ignored", "Settled in cash")
    assert not Payment.objects.exists()


def test_refuses_what_a_colleague_decided_meanwhile() -> None:
    operator, line = Operator(), StatementLineFactory.create()
    url = deed_of(line, "book")
    form = operator.filled(operator.open(url))
    told(Operator().do(line, "ignore", reason="Settled in cash"))
    before = snapshot()
    assert errors_of(operator.resend(url, form))["__all__"] == ["It was already decided about this difference."]
    assert snapshot() == before


def test_shows_both_sides_beside_each_other() -> None:
    line = StatementLineFactory.create()
    fact = statements.from_json(line.fact)
    page = Operator().page(line).content.decode()
    assert "missing here" in page
    assert str(fact.invoice_id) in page
    payment_events.record(fact=fact, by=TESTER)
    page = Operator().page(line).content.decode()
    assert invoice_of(line).number in page


def test_offers_only_what_can_be_done() -> None:
    operator = Operator()
    line = StatementLineFactory.create()
    assert deed_of(line, "book") in operator.page(line).content.decode()
    differs = StatementLineFactory.create(
        verdict="amount_differs", our_amount=1, our_currency="RUB", their_amount=2, their_currency="RUB"
    )
    page = operator.page(differs).content.decode()
    assert deed_of(differs, "book") not in page
    assert deed_of(differs, "ignore") in page
    before = snapshot()
    said = errors_of(operator.do(differs, "book"))
    assert said["__all__"] == ["Only what is missing here can be booked."]
    assert snapshot() == before


@pytest.mark.parametrize("role", ["support", "viewer"])
def test_others_only_look(role: str) -> None:
    looker, line = Operator(role), StatementLineFactory.create()
    assert deed_of(line, "book") not in looker.page(line).content.decode()
    assert looker.open(deed_of(line, "book")).status_code == 403
    assert looker.open(deed_of(line, "ignore")).status_code == 403


def test_lists_what_waits_first_and_all_by_comparison() -> None:
    operator = Operator()
    line, ignored = StatementLineFactory.create_batch(2)
    operator.do(ignored, "ignore", reason="Settled in cash")
    shown = operator.list(StatementLine).content.decode()
    assert line.reference in shown
    assert ignored.reference not in shown
    found = operator.list(StatementLine, view="all", q=str(ignored.statement_id)).content.decode()
    assert ignored.reference in found
    assert line.reference not in found


def test_a_comparison_tells_what_it_counted_and_found() -> None:
    line = StatementLineFactory.create(statement__matched=7, statement__missing_here=1)
    page = Operator().page(line.statement).content.decode()
    assert "matched: 7" in page
    assert "missing here: 1" in page
    assert "missing there" not in page
    assert line.reference in page


def test_a_comparison_that_was_not_finished_says_why() -> None:
    ProviderStatementFactory.create(finished_at=None, error="it answered 500")
    shown = Operator().list(ProviderStatement).content.decode()
    assert "to be tried again" in shown
    assert "it answered 500" in Operator().page(ProviderStatement.objects.get()).content.decode()
