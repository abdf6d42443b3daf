"""The charge's own statement, sent by psycopg alone: prepared, on a connection that stays open."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import psycopg
from uuid_utils.compat import uuid7

from scripts.bench.ways.charge import BY
from scripts.bench.ways.wallets import new_keys, users_of


def prepare(clients: int) -> None:
    """The customers are there."""


def client(number: int) -> Callable[[], int]:
    from billing.operations.charges import _statement, actor_json, request_hash

    statement, actor, asked = _statement("user"), actor_json(BY), request_hash(1, "", None)
    users, keys = users_of(number), new_keys()
    address = {name: os.environ[f"POSTGRES_{name.upper()}"] for name in ("host", "port", "user", "password")}
    connection = psycopg.connect(**address, dbname=os.environ["POSTGRES_DB"], autocommit=True)  # type: ignore[arg-type]  # all are strings
    # A cursor that is kept is what psycopg can do at its best; one for each statement is how it is mostly used.
    kept = connection.cursor() if os.environ.get("BENCH_CURSOR") == "kept" else None

    def charge() -> int:
        parameters: dict[str, Any] = {
            "id": uuid7(),
            "owner": next(users),
            "tokens": 1,
            "key": next(keys),
            "hash": asked,
            "description": "",
            "metadata": "{}",
            "actor": actor,
        }
        cursor = (kept or connection).execute(statement, parameters, prepare=True)
        row = cursor.fetchone()
        if row is None or row[0]:
            raise RuntimeError("nothing was charged")
        return 1

    return charge
