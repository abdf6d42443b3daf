"""
The shape of operations, read from the code: called by keywords, by somebody, in one transaction that core.database
opens, without the network and without a clock of their own. What computes stands in rules, and knows no tables.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.laws.house import Sources, decorators, functions, sources

# Public functions in operations/ that are no operations of their own, and why each stands there.
PARTS: Final[Mapping[str, str]] = {
    "accounts/operations/api_keys.py:note_use": "one statement by nobody in particular: the door counts its callers",
    "accounts/operations/second_factors.py:forget": "a part of what ends a factor, under its caller's lock",
    "audit/operations/alerts.py:raise_alert": "trouble is noticed by the house itself, whoever acts",
    "audit/operations/records.py:record": "reads as the sentence that it writes: the deed's name comes first",
    "core/operations/throttles.py:hit": "counts an attempt before anybody is known, outside of transactions",
    "billing/operations/announcements.py:announce": "reads as the sentence that it writes; the house says it itself",
    "billing/operations/announcements.py:wake": "a part of what puts a delivery on its way",
    "billing/operations/notices.py:list_wallets_with_expiring_lots": "what its sweep works through",
    "billing/operations/charges.py:actor_json": "a value that charges and holds write alike",
    "billing/operations/charges.py:check_tokens": "a check that every movement of tokens makes",
    "billing/operations/charges.py:request_hash": "a value that single charges and batches write alike",
    "billing/operations/charges.py:stored_transaction": "reads what the statements return",
    "billing/operations/ledger.py:append": "writes one row of a wallet that its caller has locked",
    "billing/operations/ledger.py:find_replay": "reads under the caller's lock",
    "billing/operations/ledger.py:replayed_lots": "reads under the caller's lock",
    "billing/operations/ledger.py:keep_checkpoints": "writes what its callers, operations themselves, have replayed",
    "billing/operations/ledger.py:list_without_recent_checkpoint": "what its sweep works through",
    "billing/operations/expirations.py:list_due_wallets": "what its sweep works through",
    "billing/operations/credit_requests.py:list_due": "what its sweep works through",
    "billing/operations/referrals.py:list_due": "what its sweep works through",
    "billing/operations/invoices.py:list_due": "what its sweep works through",
    "billing/operations/checkouts.py:list_unpaid": "what its sweep works through",
    "billing/operations/refunds.py:list_waiting": "what its sweep works through",
    "billing/operations/asking.py:ask_each": "calls what a sweep does, which says by whom",
    **{
        f"billing/operations/{part}": "a part of hearing what is said of a payment, under its caller's locks"
        for part in (
            *("money_back.py:follow_refunds", "money_back.py:follow_disputes", "money_back.py:note_tokens"),
            *(
                "money_back.py:close_failed",
                "money_back.py:add",
                "payment_events.py:hear",
                "payment_events.py:bring_up",
            ),
            *("payment_events.py:carry_over", "settlements.py:outcome", "settlements.py:settle"),
            *("settlements.py:keep_aside", "taking_back.py:converge", "payment_events.py:is_play_money"),
            *("outside.py:checked", "outside.py:fact"),
        )
    },
    **{
        f"billing/operations/timelines.py:{part}": "a part of what changes a subscription, under its caller's locks"
        for part in (
            *("append", "convert", "follow", "schedule", "end", "expire", "move", "keep_wallet_end"),
            *("house_zone", "end_as_provider_says", "tell_provider", "keep_cancelled"),
        )
    },
    **{
        f"billing/operations/renewals.py:{due}": "what its sweep works through"
        for due in ("list_to_renew", "list_to_advance", "list_to_remind")
    },
    "billing/operations/demo.py:find_operator_id": "asks whether the demo is there",
}

ATOMIC: Final[Mapping[str, str]] = {
    "core/database.py": "the one place that opens transactions",
    "core/database_roles.py": "after migrate, where nobody acts",
    "core/validation.py": "a savepoint inside an operation, where a constraint may say no",
    "core/jobs/dead_letters.py": "a savepoint: an alert that cannot be raised must not lose the job's death",
    "core/jobs/sweeper.py": "the engine's own claims, which are no operations",
    "core/jobs/runner.py": "the engine's own leases, which are no operations",
    "accounts/roles.py": "after migrate, where nobody acts",
    "billing/operations/charges.py": "a savepoint inside a caller's transaction, where a twin may violate",
}

NETWORK: Final = frozenset(
    {
        *("aiohttp", "ftplib", "grpc", "http", "httpx", "imaplib", "poplib", "requests", "smtplib", "socket", "ssl"),
        *(
            "telnetlib",
            "urllib.request",
            "urllib3",
            "websockets",
            "xmlrpc",
            "celery",
            "kombu",
            "redis",
            "rest_framework",
        ),
    }
)
PURE: Final = frozenset({"audit.operations", "core.clock", "django.db", *NETWORK})
CLOCKS: Final = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now"})
WAITS: Final = frozenset({"time.time", "time.monotonic", "time.sleep"})


def _room(room: str, tree: Sources) -> Iterator[tuple[str, str]]:
    for path, text in tree.items():
        if room in Path(path).parts and "tests" not in Path(path).parts:
            yield path, text


def misshapen(tree: Sources, parts: Collection[str]) -> list[str]:
    """Functions in operations/ that are called otherwise than by keywords, or by nobody."""
    found = []
    for path, text in _room("operations", tree):
        for function in functions(text):
            name = f"{path}:{function.name}"
            if name in parts:
                continue
            if function.args.args or function.args.posonlyargs or function.args.vararg:
                found.append(f"{name} takes positional arguments")
            actor = next((each for each in function.args.kwonlyargs if each.arg == "by"), None)
            if actor is None or actor.annotation is None or ast.unparse(actor.annotation) != "Actor":
                found.append(f"{name} is done by nobody")
    return found


def transactions(tree: Sources, excused: Collection[str]) -> list[str]:
    """Files that open transactions."""
    return [
        path
        for path, text in tree.items()
        if not {"tests", "migrations", "scripts"} & set(Path(path).parts)
        and path not in excused
        and any(
            (isinstance(node, ast.Attribute) and node.attr == "atomic")
            or (isinstance(node, ast.ImportFrom) and any(alias.name == "atomic" for alias in node.names))
            for node in ast.walk(ast.parse(text))
        )
    ]


def imports(text: str) -> set[str]:
    """Every module that a file imports, and what it takes from it, dotted."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_under(name: str, packages: Collection[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def connected(tree: Sources) -> list[str]:
    """Operations, rules and models that could reach the network, or know the door that they are called through."""
    return [
        f"{path} imports {name}"
        for room in ("operations", "rules", "models", "queries")
        for path, text in _room(room, tree)
        for name in sorted(imports(text))
        if _is_under(name, [*NETWORK, "django.http", "django.core.mail"])
    ]


def impure(tree: Sources) -> list[str]:
    """Rules that know tables or the time."""
    return [
        f"{path} imports {name}"
        for path, text in _room("rules", tree)
        for name in sorted(imports(text))
        if _is_under(name, PURE) or ".models" in name or ".operations" in name or ".queries" in name
    ]


def clocks(tree: Sources) -> list[str]:
    """Operations and rules that read Python's clock: the database's decides."""
    return [
        f"{path}:{node.lineno} reads {ast.unparse(node.func)}"
        for room in ("operations", "rules")
        for path, text in _room(room, tree)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS | WAITS
    ]


def test_operations_are_called_by_keywords_and_by_somebody() -> None:
    assert misshapen(sources(), PARTS) == []


def test_only_core_database_opens_transactions() -> None:
    assert transactions(sources(), ATOMIC) == []


def test_no_operation_reaches_the_network_or_knows_its_door() -> None:
    assert connected(sources()) == []


def test_rules_know_neither_tables_nor_the_time() -> None:
    assert impure(sources()) == []


def test_the_databases_clock_decides() -> None:
    assert clocks(sources()) == []


def test_every_exception_is_still_needed() -> None:
    offered = {
        f"{path}:{function.name}" for path, text in _room("operations", sources()) for function in functions(text)
    }
    assert set(PARTS) - offered == set()
    assert set(transactions(sources(), ())) == set(ATOMIC)
    decorated = {
        f"{path}:{function.name}"
        for path, text in _room("operations", sources())
        for function in functions(text)
        if "operation" in decorators(function)
    }
    assert decorated & set(PARTS) <= {
        "audit/operations/records.py:record",
        "audit/operations/alerts.py:raise_alert",
        "billing/operations/announcements.py:announce",
    }


BAD: Final[Sources] = {
    "x/operations/y.py": """
import requests
from django.db.transaction import atomic
def pay(amount, *, by): ...
def take(*, amount): ...
def give(*, by: Actor): datetime.now()
""",
    "x/rules/y.py": "from x.models import Wallet\nfrom core import clock\nfrom core.clock import CoreNow\n",
}


@pytest.mark.parametrize(
    ("law", "count"),
    [
        (lambda tree: misshapen(tree, ()), 3),
        (lambda tree: transactions(tree, ()), 1),
        (connected, 1),
        (impure, 3),
        (clocks, 1),
    ],
    ids=["misshapen", "transactions", "connected", "impure", "clocks"],
)
def test_what_breaks_a_law_is_found(law: object, count: int) -> None:
    assert callable(law)
    assert len(law(BAD)) == count
