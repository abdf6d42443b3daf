"""Wallets in Admin: a statement that adds up, tokens given by hand, freezing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditLog
from billing.models import Transaction, Wallet
from billing.tests.deeds import assert_books_are_true, charge, hold, ledger
from billing.tests.factories import InvoiceFactory, PaymentFactory, company_wallet, funded_wallet
from billing.tests.operators import Operator, deed_of, errors_of, told
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core import clock as database_clock

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


def test_credited_tokens_are_a_lot_with_a_reason(operator: Operator) -> None:
    wallet = funded_wallet(tokens=5)

    answer = operator.do(wallet, "credit", tokens="20", reason="an apology")

    assert told(answer) == [("success", "Credited 20 tokens; the balance is 25.")]
    assert ledger(wallet) == [("grant", 5, 5), ("grant", 20, 25)]
    assert_books_are_true(wallet)
    row = Transaction.objects.get(wallet=wallet, sequence=2)
    assert (row.description, row.expires_at, row.actor["id"]) == ("an apology", None, str(operator.user.pk))
    deed = AuditLog.objects.filter(action="billing.grant.given").latest("id")
    assert (deed.user_id, deed.metadata["reason"]) == (operator.user.pk, "an apology")


def test_credit_sent_twice_counts_once(operator: Operator) -> None:
    wallet = funded_wallet(tokens=0)
    url = deed_of(wallet, "credit")
    filled = operator.filled(operator.open(url)) | {"tokens": "20", "reason": "an apology"}
    operator.resend(url, filled)
    before = snapshot()

    answer = operator.resend(url, filled)

    assert told(answer)[-1] == ("success", "These tokens were credited before. Nothing has moved.")
    assert snapshot() == before


def test_same_credit_from_a_form_opened_anew_counts_again(operator: Operator) -> None:
    """Without the key of the form, twice would be twice."""
    wallet = funded_wallet(tokens=0)

    for _time in range(2):
        operator.do(wallet, "credit", tokens="20", reason="an apology")

    assert ledger(wallet) == [("grant", 20, 20), ("grant", 20, 40)]


def test_credit_may_expire(operator: Operator) -> None:
    wallet = funded_wallet(tokens=0)
    moment = timezone.localtime(database_clock.now() + timedelta(days=3)).replace(second=0, microsecond=0)

    operator.do(
        wallet,
        "credit",
        tokens="20",
        reason="a trial",
        expires_at_0=f"{moment:%Y-%m-%d}",
        expires_at_1=f"{moment:%H:%M}",
    )

    assert Transaction.objects.get(wallet=wallet).expires_at == moment


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("tokens", "0", "greater than or equal to 1"),
        ("tokens", "-5", "greater than or equal to 1"),
        ("tokens", "1.5", "Enter a whole number"),
        ("tokens", "1" + "0" * 13, "less than or equal to 1000000000000"),
        ("tokens", "", "This field is required."),
        ("reason", "   ", "This field is required."),
        ("expires_at_0", "2020-01-01", "The expiry must lie in the future."),
        ("expires_at_0", "soon", "Enter a valid date"),
    ],
)
def test_wrong_value_names_its_field_and_rule_and_moves_nothing(
    operator: Operator, field: str, typed: str, rule: str
) -> None:
    wallet = funded_wallet()
    before = snapshot()
    typed_all = {"tokens": "20", "reason": "why", field: typed}
    if field.startswith("expires_at"):
        typed_all["expires_at_1"] = "12:00"

    said = errors_of(operator.do(wallet, "credit", **typed_all))

    assert rule in " ".join(said[field.removesuffix("_0")])
    assert snapshot() == before


def test_forged_key_is_refused(operator: Operator) -> None:
    wallet = funded_wallet()
    before = snapshot()

    said = errors_of(operator.do(wallet, "credit", tokens="20", reason="why", key="billing:lot:1:debt"))

    assert said, "a key of billing's own"
    assert snapshot() == before


def test_frozen_and_unfrozen_with_reasons(operator: Operator) -> None:
    wallet = funded_wallet()

    assert told(operator.do(wallet, "freeze", reason="a stolen card")) == [("success", "The wallet is frozen.")]
    wallet.refresh_from_db()
    assert wallet.frozen_at is not None
    page = operator.page(wallet).content.decode()
    assert "a stolen card" in page
    assert deed_of(wallet, "freeze") not in page

    assert told(operator.do(wallet, "unfreeze", reason="it was found"))[-1] == ("success", "The wallet pays again.")
    wallet.refresh_from_db()
    assert wallet.frozen_at is None
    deeds = AuditLog.objects.filter(
        entity_id=str(wallet.pk), action__in=["billing.wallet.frozen", "billing.wallet.unfrozen"]
    )
    assert [(deed.metadata["reason"], deed.user_id) for deed in deeds.order_by("id")] == [
        ("a stolen card", operator.user.pk),
        ("it was found", operator.user.pk),
    ]


@pytest.mark.parametrize("deed", ["freeze", "unfreeze"])
def test_freezing_needs_a_reason(operator: Operator, deed: str) -> None:
    wallet = funded_wallet()
    before = snapshot()

    assert "reason" in errors_of(operator.do(wallet, deed, reason=""))
    assert snapshot() == before


def test_statement_has_the_running_balance_and_where_each_row_came_from(operator: Operator) -> None:
    wallet = funded_wallet(tokens=10)
    invoice = InvoiceFactory.create(wallet=wallet)
    PaymentFactory.create(invoice=invoice, provider_payment_id="A-17")
    charge(wallet, 4, description="a picture")
    hold(wallet, 6)

    answer = operator.page(wallet)

    statement = answer.context["statement"]
    assert [(entry.number, entry.balance) for entry in statement.entries] == [("3", "56"), ("2", "60"), ("1", "10")]
    balance = statement.explained.balance
    assert (balance.token_balance, balance.held_tokens, balance.available_tokens) == (56, 6, 50)
    assert [(row[2], row[3]) for row in statement.lots.rows] == [("10", "6"), ("50", "50")]
    assert [row[1] for row in statement.holds.rows] == ["6"]
    page = answer.content.decode()
    invoice.refresh_from_db()
    for shown in ("a picture", "A-17", str(invoice.number)):
        assert shown in page


def test_page_says_what_has_expired_and_is_not_swept(operator: Operator, clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    clock.advance(days=2)

    answer = operator.page(wallet)

    explained = answer.context["statement"].explained
    assert (explained.balance.token_balance, explained.unswept) == (0, 20)
    assert "booked with the next movement: 20" in answer.content.decode()


def test_list_shows_balances_without_the_expired(operator: Operator, clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20, expires_in=timedelta(days=1))
    assert _listed(operator, wallet) == ("20", "0", "20")
    clock.advance(days=2)

    assert _listed(operator, wallet) == ("0", "0", "0")
    wallet.refresh_from_db()
    assert wallet.token_balance == 20, "nobody has swept it"


def test_list_shows_no_hold_that_has_run_out(operator: Operator, clock: TestClock) -> None:
    wallet = funded_wallet(tokens=20)
    hold(wallet, 5, expires_in=60)
    assert _listed(operator, wallet) == ("20", "5", "15")
    clock.advance(minutes=2)

    assert _listed(operator, wallet) == ("20", "0", "20")


def _listed(operator: Operator, wallet: Wallet) -> tuple[str, str, str]:
    answer = operator.list(Wallet, q=str(wallet.pk))
    (row,) = answer.context["cl"].result_list
    shown = row.shown
    return str(shown.token_balance), str(shown.held_tokens), str(shown.available_tokens)


def test_older_rows_are_a_page_away(operator: Operator) -> None:
    wallet = funded_wallet(tokens=100)
    for _number in range(55):
        charge(wallet, 1)

    statement = operator.page(wallet).context["statement"]
    assert [entry.number for entry in statement.entries][-1] == "7"
    older = operator.page(wallet, before=statement.older.removeprefix("?before=")).context["statement"]

    assert [entry.number for entry in older.entries] == ["6", "5", "4", "3", "2", "1"]
    assert older.older == ""


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "0", "²"])
def test_senseless_page_of_a_statement_is_no_error(operator: Operator, before: str) -> None:
    assert operator.page(funded_wallet(), before=before).status_code == 200


def test_wallet_of_a_company_is_found_by_the_companys_id(operator: Operator) -> None:
    wallet = company_wallet()
    funded_wallet()

    assert operator.list(Wallet, q=str(wallet.company_id)).context["cl"].result_list == [wallet]
