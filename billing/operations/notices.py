"""
What jobs notice and announce: balances that have become low, tokens that expire soon.

A charge knows nothing of it and costs nothing more: jobs look at the wallets whose ledgers have moved since.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from billing.operations.announcements import announce
from billing.queries.lots import replay_wallet
from billing.runtime_settings import EXPIRY_NOTICE_DAYS, LOW_BALANCE_TOKENS
from core import clock
from core.actors import Actor
from core.database import operation

BATCH: Final = 1_000

# A wallet has become low when it is, and was not at its checkpoint or at any row since: also where it was topped up and
# spent in between. One statement sees one moment, and moves the checkpoints to it.
_LOW: Final = """
    WITH moved AS (
        SELECT w.id, w.balance_version, w.token_balance, coalesce(c.sequence, 0) AS since, coalesce(c.balance, 0) AS was
        FROM billing_wallet w LEFT JOIN billing_lowbalancecheckpoint c ON c.wallet_id = w.id
        WHERE w.balance_version <> coalesce(c.sequence, 0)
        LIMIT %(batch)s::int
    ), kept AS (
        INSERT INTO billing_lowbalancecheckpoint (wallet_id, sequence, balance)
        SELECT id, balance_version, token_balance FROM moved
        ON CONFLICT (wallet_id) DO UPDATE SET sequence = excluded.sequence, balance = excluded.balance
    )
    SELECT m.id, m.token_balance, m.balance_version,
        m.token_balance < %(limit)s::bigint AND (m.was >= %(limit)s::bigint OR EXISTS (
            SELECT FROM billing_transaction t
            WHERE t.wallet_id = m.id AND t.sequence > m.since AND t.sequence <= m.balance_version
                AND t.balance_after >= %(limit)s::bigint)) AS has_become_low
    FROM moved m
"""

_EXPIRING: Final = """
    SELECT DISTINCT t.wallet_id FROM billing_transaction t
    WHERE t.expires_at > core_now() AND t.expires_at <= core_now() + make_interval(days => %s::int)
        AND NOT EXISTS (
            SELECT FROM billing_announcement a WHERE a.type = 'tokens.expiring' AND a.once = t.id::text)
    ORDER BY t.wallet_id
"""


@operation
def announce_low_balances(*, by: Actor) -> int:
    """
    Announce wallets whose balance has fallen below the limit since the last look, each once for each time it fell. Two
    at once take turns.

    :returns: how many wallets were looked at, at most :data:`BATCH`
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('billing_lowbalancecheckpoint', 0))")
        cursor.execute(_LOW, {"batch": BATCH, "limit": LOW_BALANCE_TOKENS.get()})
        moved = cursor.fetchall()
    for wallet_id, balance, version, has_become_low in moved:
        if has_become_low:
            announce("wallet.low", wallet_id=wallet_id, tokens=balance, balance_version=version)
    return len(moved)


def sweep_low_balances(*, by: Actor) -> None:
    """Look at every wallet whose ledger has moved."""
    while announce_low_balances(by=by) == BATCH:
        pass


@operation
def announce_expiring_tokens(*, wallet_id: UUID, by: Actor) -> int:
    """
    Announce what is left of each of a wallet's lots that expires within the days that the setting says, once for each
    lot.

    :returns: how many lots were announced
    """
    moment = clock.now()
    until = moment + timedelta(days=EXPIRY_NOTICE_DAYS.get())
    announced = [
        announce(
            "tokens.expiring",
            wallet_id=wallet_id,
            once=str(lot.id),
            lot=lot.id,
            tokens=lot.remaining,
            expires_at=lot.expires_at,
        )
        for lot in replay_wallet(wallet_id).lots
        if lot.remaining and lot.expires_at is not None and moment < lot.expires_at <= until
    ]
    return sum(each is not None for each in announced)


def sweep_expiring_tokens(*, by: Actor) -> None:
    """Look at every wallet with a lot that expires soon and was not announced, each in a transaction of its own."""
    for wallet_id in list_wallets_with_expiring_lots():
        announce_expiring_tokens(wallet_id=wallet_id, by=by)


def list_wallets_with_expiring_lots() -> list[UUID]:
    """Wallets with lots that expire soon and were not announced, whatever is left of them."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRING, [EXPIRY_NOTICE_DAYS.get()])
        return [wallet_id for (wallet_id,) in cursor.fetchall()]
