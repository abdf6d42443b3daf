"""Whatever dies under it, a charge that was confirmed is there, once (BILLING: the hot path; F01, F02, F11, F12)."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random

import pytest
import requests

from core.postgres import EmbeddedServer
from tests.fault.clients import Client
from tests.fault.history import Books, History, Row, check
from tests.fault.nemesis import Nemesis
from tests.fault.stack import Stack

SECONDS = float(os.environ.get("CRASH_SECONDS") or 12)
# A server that confirms before it writes: what `synchronous_commit = on` protects from.
CARELESS = {
    "synchronous_commit": "off",
    "wal_writer_delay": "10s",
    "wal_writer_flush_after": "1GB",
    "wal_buffers": "64MB",
}

pytestmark = [pytest.mark.fault, pytest.mark.timeout(SECONDS + 240)]

_telegram_ids = count(10**12 + secrets.randbelow(10**9))


def new_seed() -> int:
    return int(os.environ.get("CRASH_SEED") or secrets.randbits(32))


def funded_users(stack: Stack, tokens: Sequence[int]) -> list[str]:
    """New customers with these balances, made over the API."""
    users = []
    for number, amount in enumerate(tokens):
        headers = {"Authorization": f"Api-Key {stack.api_key}", "Idempotency-Key": f"grant-{number}"}
        registered = requests.put(
            f"{stack.api}/users/by-telegram/{next(_telegram_ids)}", json={}, headers=headers, timeout=10
        )
        assert registered.status_code == 201, registered.text
        user = registered.json()["id"]
        body = {"user": user, "tokens": amount, "reason": "crash test"}
        given = requests.post(f"{stack.api}/grants", json=body, headers=headers, timeout=10)
        assert given.status_code == 201, given.text
        users.append(user)
    return users


def read_books(stack: Stack, users: Sequence[str]) -> Books:
    with stack.connect() as connection:
        rows = connection.execute(
            "SELECT t.id::text, w.user_id::text, t.sequence, t.idempotency_key, t.tokens_delta, t.balance_after "
            "FROM billing_transaction t JOIN billing_wallet w ON w.id = t.wallet_id "
            "WHERE w.user_id = ANY (%s::uuid[])",
            [list(users)],
        ).fetchall()
        balances = connection.execute(
            "SELECT user_id::text, token_balance FROM billing_wallet WHERE user_id = ANY (%s::uuid[])", [list(users)]
        ).fetchall()
    return Books([Row(*row) for row in rows], {str(user): int(balance) for user, balance in balances})  # type: ignore[arg-type]  # as selected


@contextmanager
def charging(stack: Stack, users: Sequence[str], history: History, random: Random) -> Iterator[list[Client]]:
    """Eight clients charge for the length of the block and settle what they began."""
    stop = threading.Event()
    clients = [
        Client(
            api=stack.api,
            api_key=stack.api_key,
            users=users,
            history=history,
            stop=stop,
            label=f"client-{number}-{secrets.token_hex(3)}",
            random=Random(random.random()),
            batch=5 if number == 7 else 1,
        )
        for number in range(8)
    ]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        stop.set()
        for client in clients:
            client.join(timeout=90)
    assert [client.failure for client in clients] == [None] * 8
    assert not any(client.is_alive() for client in clients)


def test_neither_loses_nor_doubles_a_confirmed_charge(stack: Stack) -> None:
    seed = new_seed()
    print(f"CRASH_SEED={seed} CRASH_SECONDS={SECONDS:g}")
    # Two can pay for everything, one runs dry on the way: refusals must be as true as confirmations.
    users = funded_users(stack, [1_000_000, 1_000_000, 1_000_000, 60])
    history = History()
    nemesis = Nemesis(stack, seed)
    with charging(stack, users, history, Random(seed)):
        nemesis.start()
        nemesis.join(timeout=SECONDS)
        nemesis.end()
        stack.wait_until_healthy()
    wrong = check(history, read_books(stack, users))
    told = f"seed {seed}, strikes {nemesis.strikes}, answers {history.statuses()}, {history.drops} unanswered"
    print(told)
    assert nemesis.failure is None
    assert wrong == [], f"{told}\n{stack.log_tail()}"
    assert set(nemesis.strikes) == {"kill_worker", "kill_backend", "crash_database"}, told
    # It was under load, it hurt, and refusals were among the answers.
    assert history.statuses()[201] > 20 * SECONDS, told
    assert history.statuses()[402], told
    assert history.drops, told
    stack.manage("reconcile", "--strict")


def test_notices_what_a_careless_server_loses(stack: Stack) -> None:
    """The negative control: with ``synchronous_commit`` off, the same test must fail."""
    users = funded_users(stack, [1_000_000, 1_000_000])
    history = History()
    stack.server.stop("fast")
    careless = EmbeddedServer(stack.home, options=CARELESS)
    try:
        careless.start()
        stack.wait_until_healthy()
        with charging(stack, users, history, Random(1)):
            while history.statuses()[201] < 50:
                threading.Event().wait(0.05)
            careless.stop("immediate")
            careless.start()
            stack.wait_until_healthy()
        wrong = check(history, read_books(stack, users))
    finally:
        careless.stop("fast")
        stack.server.start()
        stack.wait_until_healthy()
    assert any("confirmed and lost" in sentence for sentence in wrong), wrong
