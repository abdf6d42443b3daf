"""
Whatever dies under it, what was confirmed is there, once: charges, invoices, payments, refunds (BILLING: the hot path;
F01, F02, F11, F12).
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random

import pytest
import requests

from core.postgres import EmbeddedServer
from tests.fault import purchases
from tests.fault.clients import Client
from tests.fault.history import Books, History, Row, check
from tests.fault.nemesis import STRIKES, Nemesis
from tests.fault.payers import Payer
from tests.fault.purchases import House, Made, Purchases, Step
from tests.fault.stack import Stack

# The least that it lasts, and how much longer a slow machine may take until everything has happened.
SECONDS = float(os.environ.get("CRASH_SECONDS") or 12)
PATIENCE_SECONDS = 120
# A server that confirms before it writes: what `synchronous_commit = on` protects from.
CARELESS = {
    "synchronous_commit": "off",
    "wal_writer_delay": "10s",
    "wal_writer_flush_after": "1GB",
    "wal_buffers": "64MB",
}

pytestmark = [pytest.mark.fault, pytest.mark.timeout(SECONDS + PATIENCE_SECONDS + 240)]

# Of a package.
TOKENS = 50

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
        users.append(user)
        if not amount:
            continue
        body = {"user": user, "tokens": amount, "reason": "crash test"}
        given = requests.post(f"{stack.api}/grants", json=body, headers=headers, timeout=10)
        assert given.status_code == 201, given.text
    return users


def package(stack: Stack) -> str:
    """A tariff that payers can buy: 50 tokens."""
    slug = f"package-{secrets.token_hex(3)}"
    told = f"slug={slug!r}, name='Package', price=14_900, currency='RUB', tokens={TOKENS}, by=SYSTEM"
    stack.python(
        f"from billing.operations import tariffs\nfrom core.actors import SYSTEM\ntariffs.create({told})",
    )
    return slug


# What became of purchases: kind, key, payer, id, state. A payment's key is the receipt's number as well.
_MADE = """
    WITH bought AS (
        SELECT i.*, w.user_id FROM billing_invoice i JOIN billing_wallet w ON w.id = i.wallet_id
        WHERE w.user_id = ANY (%s::uuid[])
    )
    SELECT 'invoice', idempotency_key, user_id::text, id::text, status FROM bought
    UNION ALL
    SELECT 'payment', p.provider_payment_id, b.user_id::text, p.id::text, p.status
    FROM billing_payment p JOIN bought b ON b.id = p.invoice_id
    UNION ALL
    SELECT 'refund', r.idempotency_key, b.user_id::text, r.id::text, r.state
    FROM billing_refund r JOIN billing_payment p ON p.id = r.payment_id JOIN bought b ON b.id = p.invoice_id
"""


def read_house(stack: Stack, users: Sequence[str]) -> House:
    with stack.connect() as connection:
        rows = connection.execute(_MADE, [list(users)]).fetchall()
    made = [Made(Step(str(kind), str(key), str(user)), str(row), str(state)) for kind, key, user, row, state in rows]
    return House(made, read_books(stack, users).balances, TOKENS)


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


@contextmanager
def paying(stack: Stack, users: Sequence[str], bought: Purchases, random: Random) -> Iterator[None]:
    """Two payers buy and send back for the length of the block and finish what they began."""
    stop = threading.Event()
    tariff = package(stack)
    payers = [
        Payer(
            api=stack.api,
            api_key=stack.api_key,
            users=users,
            tariff=tariff,
            purchases=bought,
            stop=stop,
            label=f"payer-{number}-{secrets.token_hex(3)}",
            random=Random(random.random()),
        )
        for number in range(2)
    ]
    for payer in payers:
        payer.start()
    try:
        yield
    finally:
        stop.set()
        for payer in payers:
            payer.join(timeout=90)
    assert [payer.failure for payer in payers] == [None] * 2
    assert not any(payer.is_alive() for payer in payers)


def test_neither_loses_nor_doubles_what_was_confirmed(stack: Stack) -> None:
    seed = new_seed()
    print(f"CRASH_SEED={seed} CRASH_SECONDS={SECONDS:g}")
    # Two can pay for everything, one runs dry on the way: refusals must be as true as confirmations.
    users = funded_users(stack, [1_000_000, 1_000_000, 1_000_000, 60])
    payers = funded_users(stack, [0, 0])
    history, bought = History(), Purchases()
    nemesis = Nemesis(stack, seed)
    # However slow the machine: it was under load, each thing was struck, it hurt, and refusals were among the answers.
    wanted: Mapping[str, Callable[[], bool]] = {
        "each strike": lambda: set(nemesis.strikes) == set(STRIKES),
        "a hundred charges": lambda: history.statuses()[201] > 100,
        "a refused charge": lambda: history.statuses()[402] > 0,
        "a request without an answer": lambda: history.drops > 0,
        "each step of a purchase": lambda: bought.done().keys() == set(purchases.STEPS),
    }
    with paying(stack, payers, bought, Random(seed)), charging(stack, users, history, Random(seed)):
        nemesis.start()
        nemesis.join(timeout=SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (missing := [name for name, is_there in wanted.items() if not is_there()]) and nemesis.is_alive():
            if time.monotonic() > deadline:
                break
            nemesis.join(timeout=0.5)
        nemesis.end()
        stack.wait_until_healthy()
    wrong = check(history, read_books(stack, users)) + purchases.check(bought, read_house(stack, payers))
    told = (
        f"seed {seed}, strikes {nemesis.strikes}, answers {history.statuses()}, {history.drops} unanswered, "
        f"purchases {bought.done()}"
    )
    print(told)
    assert nemesis.failure is None
    assert wrong == [], f"{told}\n{stack.log_tail()}"
    assert missing == [], told
    stack.manage("reconcile", "--strict")
    stack.manage("rebuild_payments", "--check")


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
