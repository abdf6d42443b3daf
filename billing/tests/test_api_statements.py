"""What a charge costs: one SQL statement, one round trip, and nothing else once its caller is known."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.pq import Trace

from accounts.api.authentication import forget_answers
from billing.models import Wallet
from billing.tests.callers import Answer, Caller
from billing.tests.factories import funded_wallet, new_key
from core import time_limits
from core.actors import under

# Inside a test's transaction there would be savepoints.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wallet() -> Wallet:
    return funded_wallet(tokens=2_000)


@pytest.fixture
def caller(wallet: Wallet) -> Caller:
    """Known to this process since a moment."""
    caller = Caller("billing:write")
    charge(caller, wallet)
    return caller


def charge(caller: Caller, wallet: Wallet, *, key: str | None = None, **more: Any) -> Answer:
    body = {"user": str(wallet.user_id), "tokens": 1, **more}
    answer = caller.post("charges", body, key=key or new_key())
    assert answer.status_code == 201, answer.content
    return answer


def statements(act: Callable[[], object]) -> list[str]:
    # As a connection is that has served the API before: it keeps this door's time limits already.
    with under(door="api"):
        connection.ensure_connection()
        time_limits.keep()
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"] for query in captured.captured_queries]


@contextmanager
def wire() -> Iterator[list[str]]:
    """The kinds of messages that this connection sends to PostgreSQL within the block, as libpq traces them."""
    sent: list[str] = []
    pgconn = connection.connection.pgconn
    with tempfile.TemporaryFile("w+") as trace:
        pgconn.trace(trace.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield sent
        finally:
            pgconn.untrace()
        trace.seek(0)
        lines = [line.split("\t") for line in trace.read().splitlines()]
        sent += [fields[2] for fields in lines if fields[0] == "F"]


class TestACharge:
    def test_is_one_statement(self, caller: Caller, wallet: Wallet) -> None:
        (only,) = statements(lambda: charge(caller, wallet, description="x", metadata={"a": 1}))
        assert "UPDATE billing_wallet" in only
        assert "INSERT INTO billing_transaction" in only

    def test_is_one_round_trip_of_a_statement_that_is_prepared(self, caller: Caller, wallet: Wallet) -> None:
        for _time in range(3):
            charge(caller, wallet)
        with wire() as sent:
            charge(caller, wallet)
        # A statement that is not prepared would be parsed anew; a transaction around it would be a Query or two more.
        assert sent == ["Bind", "Describe", "Execute", "Sync"]

    def test_sent_again_is_one_statement_too(self, caller: Caller, wallet: Wallet) -> None:
        charge(caller, wallet, key="k")
        assert len(statements(lambda: charge(caller, wallet, key="k"))) == 1

    def test_costs_one_query_more_when_its_caller_was_not_known(self, caller: Caller, wallet: Wallet) -> None:
        forget_answers()
        about_keys, charging = statements(lambda: charge(caller, wallet))
        assert '"accounts_apikey"' in about_keys
        assert "UPDATE billing_wallet" in charging

    def test_of_a_new_key_notes_its_use_after_the_answer(self, wallet: Wallet) -> None:
        newcomer = Caller("billing:write")
        asked, charging, noted = statements(lambda: charge(newcomer, wallet))
        assert '"accounts_apikey"' in asked
        assert "UPDATE billing_wallet" in charging
        assert noted.strip().startswith("UPDATE accounts_apikey")


@pytest.mark.parametrize("size", [1, 100])
def test_a_batch_of_any_size_is_one_statement(caller: Caller, wallet: Wallet, size: int) -> None:
    charges = [{"user": str(wallet.user_id), "tokens": 1, "idempotency_key": f"k{n}"} for n in range(size)]
    answers: list[Answer] = []
    (only,) = statements(lambda: answers.append(caller.post("charges/batch", {"charges": charges})))
    assert "billing_charge_many" in only
    assert {one["status"] for one in answers[0].json()["results"]} == {"charged"}


def test_the_wire_tells_of_every_statement(wallet: Wallet) -> None:
    """The negative control: two statements in a transaction are seen for what they are."""
    with wire() as sent, transaction.atomic():
        wallet.refresh_from_db()
        wallet.refresh_from_db()
    assert sent.count("Sync") + sent.count("Query") >= 3
