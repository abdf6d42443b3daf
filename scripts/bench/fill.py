"""
Fills Dvorik's tables: set-based, by the superuser, with triggers and foreign keys suspended, indexes built at the end.

What is written is what the operations would have written: sequences without gaps, balances that follow, one grant and
then charges of one token. ``reconcile`` finds the books true.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import psycopg

from scripts.bench.house import House

GRANTED: Final = 10**9
CUSTOMERS: Final = 1_001
ROWS_PER_WALLET: Final = 100

# Ids that sort as they were made, as those of version 7 do.
_ID: Final = "('01900000-0000-7{family:03d}-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"


def user_id(number: int) -> UUID:
    """The id of a filled customer, counted from 1."""
    return UUID(f"01900000-0000-7001-8000-{number:012x}")


def wallet_id(number: int) -> UUID:
    """The id of that customer's wallet."""
    return UUID(f"01900000-0000-7002-8000-{number:012x}")


def _id(family: int, number: str) -> str:
    return _ID.format(family=family, number=number)


def customers(house: House, database: str, *, count: int = CUSTOMERS, rows_each: int = ROWS_PER_WALLET) -> None:
    """Customers with a wallet and a short ledger each, if they are not there."""
    _fill(house, database, wallets=count, rows_each=rows_each, long_rows=rows_each)


def ledger(house: House, database: str, *, rows: int) -> None:
    """A ledger of about ``rows`` rows, if it is not there: a tenth are one wallet's, the others a hundred to each."""
    long = rows // 10
    _fill(house, database, wallets=(rows - long) // ROWS_PER_WALLET + 1, rows_each=ROWS_PER_WALLET, long_rows=long)


def _fill(house: House, database: str, *, wallets: int, rows_each: int, long_rows: int) -> None:
    sizes = {"wallets": wallets, "each": rows_each, "long": long_rows, "granted": GRANTED}
    with house.superuser(database) as connection:
        row = connection.execute("SELECT EXISTS (SELECT FROM billing_transaction)").fetchone()
        if row and row[0]:
            return
        connection.execute(_USERS, sizes)
        connection.execute(_WALLETS, sizes)
        _without_indexes(connection, "billing_transaction", _TRANSACTIONS, sizes)
        connection.execute("VACUUM (ANALYZE, FREEZE)")


def more_charges(house: House, database: str, *, rows: int, wallets: int) -> None:
    """Charges of one token that follow what is there: ``rows`` in all, evenly over the wallets from the second on."""
    with house.superuser(database) as connection:
        connection.execute(_MORE, {"each": rows // wallets, "wallets": wallets})
        connection.execute("ANALYZE billing_transaction")


def events(house: House, database: str, rows: int) -> None:
    """Rows of the audit log, and paid invoices of one tariff."""
    with house.superuser(database) as connection:
        _without_indexes(connection, "audit_auditlog", _LOGS, {"rows": rows})
        connection.execute(_TARIFF)
        _without_indexes(connection, "billing_invoice", _INVOICES, {"rows": rows})
        connection.execute("VACUUM (ANALYZE, FREEZE) audit_auditlog, billing_invoice")


def _without_indexes(connection: psycopg.Connection, table: str, statement: str, parameters: dict[str, Any]) -> None:
    """Run a statement that fills an empty table while it has no index, and give it back what it had."""
    indexes = connection.execute(
        """
        SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I CASCADE', conrelid::regclass, conname),
            format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = %(table)s::text::regclass AND contype IN ('p', 'u')
        UNION ALL
        SELECT format('DROP INDEX %%I', indexname), indexdef FROM pg_indexes
        WHERE tablename = %(table)s::text
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname AND contype IN ('p', 'u'))
        """,
        {"table": table},
    ).fetchall()
    referring = connection.execute(
        """
        SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
            format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE confrelid = %(table)s::text::regclass AND contype = 'f'
        """,
        {"table": table},
    ).fetchall()
    for drop, _make in [*referring, *indexes]:
        connection.execute(drop)
    connection.execute(statement.encode(), parameters)
    for _drop, make in [*indexes, *referring]:
        connection.execute(make)


_USERS: Final = f"""
    INSERT INTO accounts_user (id, telegram_id, password, is_superuser, username, first_name, last_name, language_code,
        is_premium, timezone, referral_code, is_active, is_staff, created_at, updated_at)
    SELECT {_id(1, "n")}, 7000000000 + n, '', false, '', 'Customer', '', 'ru', false, 'Europe/Moscow',
        'B' || lpad(to_hex(n), 11, '0'), true, false, moment, moment
    FROM generate_series(1, %(wallets)s::int) AS n, LATERAL (SELECT now() - interval '1 year' + n * interval '1 second')
        AS at(moment)
"""  # noqa: S608 (made of constants)

# The first wallet is the long one.
_WALLETS: Final = f"""
    INSERT INTO billing_wallet (id, user_id, token_balance, held_tokens, balance_version, debt_tokens, protected_tokens,
        frozen_reason, created_at)
    SELECT {_id(2, "n")}, {_id(1, "n")}, %(granted)s::bigint - version + 1, 0, version, 0, 0, '',
        now() - interval '1 year'
    FROM generate_series(1, %(wallets)s::int) AS n,
        LATERAL (SELECT CASE WHEN n = 1 THEN %(long)s::int ELSE %(each)s::int END) AS size(version)
"""  # noqa: S608 (made of constants)

# In the order of time: the wallets' rows lie among one another, as they do in life.
_TRANSACTIONS: Final = f"""
    INSERT INTO billing_transaction (id, wallet_id, sequence, type, tokens_delta, balance_after, description, metadata,
        idempotency_key, request_hash, actor, created_at)
    SELECT {_id(3, "row_number() OVER ()")}, {_id(2, "n")}, sequence,
        CASE WHEN sequence = 1 THEN 'grant' ELSE 'charge' END,
        CASE WHEN sequence = 1 THEN %(granted)s::bigint ELSE -1 END, %(granted)s::bigint - sequence + 1,
        'A brief', '{{}}', 'fill-' || sequence, decode(repeat('00', 32), 'hex'),
        '{{"kind": "api_key", "id": "fill", "label": "fill"}}',
        now() - interval '300 days' + row_number() OVER () * interval '1 second' / 1000
    FROM (
        SELECT n, sequence FROM generate_series(1, %(each)s::int) AS sequence, generate_series(2, %(wallets)s::int) AS n
        UNION ALL
        SELECT 1, sequence FROM generate_series(1, %(long)s::int) AS sequence
    ) AS planned
"""  # noqa: S608 (made of constants)

_MORE: Final = """
    WITH last AS (
        SELECT id, balance_version, token_balance FROM billing_wallet ORDER BY id OFFSET 1 LIMIT %(wallets)s::int
    ), written AS (
        INSERT INTO billing_transaction (id, wallet_id, sequence, type, tokens_delta, balance_after, description,
            metadata, idempotency_key, request_hash, actor, created_at)
        SELECT core_uuid7(), id, balance_version + step, 'charge', -1, token_balance - step, 'A brief', '{}',
            'more-' || balance_version + step, decode(repeat('00', 32), 'hex'),
            '{"kind": "api_key", "id": "fill", "label": "fill"}', now()
        FROM last, generate_series(1, %(each)s::int) AS step
    )
    UPDATE billing_wallet w SET token_balance = w.token_balance - %(each)s::int,
        balance_version = w.balance_version + %(each)s::int
    FROM last WHERE last.id = w.id
"""

_LOGS: Final = """
    INSERT INTO audit_auditlog (action, entity_type, entity_id, actor, old_value, new_value, metadata, created_at)
    SELECT 'accounts.user.updated', 'accounts.user', n::text, '{"kind": "system", "id": "", "label": "fill"}',
        '{"first_name": "One"}', '{"first_name": "Another"}', '{}',
        now() - interval '300 days' + n * interval '1 second'
    FROM generate_series(1, %(rows)s::int) AS n
"""

_TARIFF: Final = f"""
    INSERT INTO billing_tariff (id, slug, name, description, audience, price, currency, tokens, subscription_days,
        trial_days, family, limits, sort_order, is_active, version, updated_at)
    VALUES ({_id(4, "1")}, 'bench', 'Bench', '', 'user', 14900, 'RUB', 50, 0, 0, 'bench', '{{}}', 1, true, 1, now())
    ON CONFLICT DO NOTHING
"""  # noqa: S608 (made of constants)

_INVOICES: Final = f"""
    INSERT INTO billing_invoice (id, number_year, number_in_year, tariff_version, list_price, discount_amount, amount,
        currency, tokens, bonus_tokens, subscription_days, status, idempotency_key, request_hash, created_at,
        expires_at, paid_at, wallet_id, tariff_id)
    SELECT {_id(5, "n")}, NULL, NULL, 1, 14900, 0, 14900, 'RUB', 50, 0, 0, 'expired', 'fill-' || n,
        decode(repeat('00', 32), 'hex'), now() - interval '300 days', now() - interval '299 days', NULL,
        {_id(2, "n %% 1000 + 1")}, {_id(4, "1")}
    FROM generate_series(1, %(rows)s::int) AS n
"""  # noqa: S608 (made of constants)
