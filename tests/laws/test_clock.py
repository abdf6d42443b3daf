"""One clock decides about money, expiry and leases: the database's, through ``core_now()``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest
from django.db import connection

from core.clock_moments import watched_jobs
from core.jobs.registry import periodic_jobs

ROOT: Final = Path(__file__).resolve().parents[2]
APPS: Final = ("core", "audit", "accounts", "messaging", "billing")

# Python's clocks. ``monotonic`` and ``perf_counter`` are none: they only measure how long something takes.
_CLOCKS: Final = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow"),
    *("date.today", "datetime.date.today", "time.time", "time.time_ns", "time.localtime", "time.gmtime"),
    *("timezone.now", "timezone.localdate", "timezone.localtime()", "django.utils.timezone.now"),
    *("functions.Now", "Now", "auto_now", "auto_now_add"),
}
# The same by their bare names, imported from these modules.
_MODULES: Final = {"time": {"time", "time_ns", "localtime", "gmtime"}, "django.utils.timezone": {"now", "localdate"}}

# What may ask another clock, and why.
_PERMITTED: Final = {
    "core/jobs/filesystem_broker.py": "names a message's file, in the order of sending",
    "billing/models/promo_code.py": "when staff last changed it: shown, and nothing is decided by it",
    "billing/models/tariff.py": "the same",
    "core/admin/sessions.py": "sessions of Admin are Django's, which ends them by its own clock",
    "core/postgres/server.py": "names a dump's file before there is a database to ask",
    "accounts/models/api_key.py": "when a row came to be: a record, by which nothing is decided",
    "accounts/models/company.py": "when a row came to be",
    "accounts/models/user.py": "when a row came to be",
    "accounts/operations/users.py": "when a row was last changed",
    "audit/models/audit_log.py": "when something happened in truth, also under a moved clock",
}

_SQL_CLOCK: Final = re.compile(
    r"\b(now|(clock|statement|transaction)_timestamp|timeofday)\s*\(\s*\)"
    r"|\b(current_timestamp|current_date|current_time|localtimestamp|localtime)\b(?!\s*[(=.])",
    re.IGNORECASE,
)
_SQL_PERMITTED: Final = {
    "core/sql/0001_functions.sql": "core_now() itself, and the moment within a UUID",
    "core/sql/0005_test_clock.sql": "moves core_now() against it, and tells by how much",
    "core/sql/0005_test_clock.reverse.sql": "core_now() as it was",
}


# Periodic jobs for which the test clock does not stop, and why: all of them run wherever it stops.
_WITHOUT_MOMENTS: Final = {
    "accounts.purge_sessions": "whoever is asked about a session looks at its end",
    "accounts.seal_factors_anew": "depends on keys, not on time",
    "audit.keep_system_log": "rows without a partition wait in the default one",
    "audit.publish_heads": "nothing is decided by when it is told",
    "audit.purge_deliveries": "only forgets",
    "audit.seal": "the next stop seals what is settled by then",
    "audit.tell_of_alerts": "an alert is told of at the next stop",
    "audit.verify_seals": "the next stop verifies all that was sealed",
    "billing.announce_low_balances": "a balance is told of at the next stop",
    "billing.sweep_webhooks": "only wakes jobs, at whose moments the clock stops by itself",
    "billing.checkpoint_lots": "only makes reading cheaper",
    "billing.compare_statements": "asks providers, whose clocks nobody moves",
    "billing.poll_checkouts": "asks providers, whose clocks nobody moves",
    "billing.poll_refunds": "asks providers, whose clocks nobody moves",
    "billing.reconcile": "the next stop checks all that changed",
    "core.purge_done_jobs": "only forgets",
    "core.purge_exports": "only forgets, and never to the minute",
    "core.purge_idempotency_records": "only forgets",
    "core.purge_throttles": "only forgets",
}


def clocks_in_python(text: str) -> Iterator[str]:
    """Each clock but the database's that a module asks."""
    tree = ast.parse(text)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Attribute() if (name := ast.unparse(node)) in _CLOCKS:
                yield name
            case ast.Call(func=ast.Attribute() as called, args=[], keywords=[]) if (
                f"{ast.unparse(called)}()" in _CLOCKS
            ):
                yield ast.unparse(called)
            case ast.keyword(arg="auto_now" | "auto_now_add" as name):
                yield name
            case ast.ImportFrom(module=str(module), names=names):
                yield from (each.name for each in names if each.name in _MODULES.get(module, set()) | {"Now"})
            case ast.Constant(value=str(words)) if id(node) not in docstrings:
                yield from (found.group() for found in _SQL_CLOCK.finditer(words) if _is_sql(words))


def _is_sql(words: str) -> bool:
    return re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|VALUES|SET)\b", words) is not None


def clocks_in_sql(text: str) -> list[str]:
    """Each clock but ``core_now()`` that a statement asks."""
    return [found.group() for found in _SQL_CLOCK.finditer(re.sub(r"--.*", "", text))]


def product_files(pattern: str) -> dict[str, str]:
    """By their paths, the texts of what runs in production and is not history."""
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for app in APPS
        for path in sorted((ROOT / app).rglob(pattern))
        if not {"tests", "migrations"} & set(path.parts)
    }


def test_no_module_asks_another_clock() -> None:
    files = product_files("*.py")
    assert len(files) > 100
    asked = {path: found for path, text in files.items() if (found := sorted(set(clocks_in_python(text))))}
    assert asked.keys() <= _PERMITTED.keys(), {path: asked[path] for path in asked.keys() - _PERMITTED.keys()}
    assert _PERMITTED.keys() <= asked.keys(), "a permission that nobody needs any more"


def test_no_statement_asks_another_clock() -> None:
    files = product_files("*.sql")
    assert files
    asked = {path for path, text in files.items() if clocks_in_sql(text)}
    assert asked == _SQL_PERMITTED.keys()


def unwatched(jobs: Iterable[str]) -> set[str]:
    """Periodic jobs that a test clock would let wait for something else to fall due."""
    return set(jobs) - watched_jobs() - _WITHOUT_MOMENTS.keys()


def test_the_test_clock_stops_for_every_job_that_decides_by_time() -> None:
    jobs = {job.name for job in periodic_jobs()}
    assert unwatched(jobs) == set()
    assert watched_jobs() <= jobs
    assert jobs >= _WITHOUT_MOMENTS.keys(), "a reason that nobody needs any more"
    assert not watched_jobs() & _WITHOUT_MOMENTS.keys()
    assert unwatched({"billing.forgotten", *jobs}) == {"billing.forgotten"}


@pytest.mark.django_db
class TestDatabase:
    def test_has_no_function_that_asks_another_clock(self) -> None:
        assert self._functions() == {
            *("core_now", "core_uuid7"),
            *("core_clock_offset", "core_move_clock"),
        }

    @pytest.mark.usefixtures("as_the_owner")
    def test_would_be_caught_with_one(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE FUNCTION hasty() RETURNS timestamptz LANGUAGE sql AS 'SELECT clock_timestamp()'")
        assert "hasty" in self._functions()

    def test_has_no_default_by_another_clock_where_anything_is_decided(self) -> None:
        assert self._defaults() == {
            "accounts_apikey.created_at",
            "accounts_company.created_at",
            "accounts_membership.created_at",
            "accounts_user.created_at",
            "audit_auditlog.created_at",
        }

    @pytest.mark.usefixtures("as_the_owner")
    def test_would_be_caught_with_such_a_default(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE billing_haste (at timestamptz DEFAULT now())")
        assert "billing_haste.at" in self._defaults()

    def _functions(self) -> set[str]:
        return {
            name
            for name, text in self._rows(
                "SELECT proname, prosrc FROM pg_proc JOIN pg_language l ON l.oid = prolang "
                "WHERE pronamespace = 'public'::regnamespace AND lanname IN ('sql', 'plpgsql')"
            )
            if clocks_in_sql(text)
        }

    def _defaults(self) -> set[str]:
        return {
            column
            for column, text in self._rows(
                "SELECT adrelid::regclass || '.' || attname, pg_get_expr(adbin, adrelid) FROM pg_attrdef "
                "JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum "
                "JOIN pg_class c ON c.oid = adrelid WHERE relnamespace = 'public'::regnamespace"
            )
            if clocks_in_sql(text)
        }

    def _rows(self, question: str) -> list[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return list(cursor.fetchall())


class TestTheLawItself:
    @pytest.mark.parametrize(
        "text",
        [
            "from datetime import datetime\nexpired = hold.expires_at < datetime.now(UTC)",
            "import datetime\nmoment = datetime.datetime.utcnow()",
            "from datetime import date\nday = date.today()",
            "from time import time\nend = time() + 60",
            "import time\nend = time.time() + 60",
            "from django.utils import timezone\nHold.objects.filter(expires_at__lte=timezone.now())",
            "from django.utils import timezone\nat = DateTimeField(default=timezone.now)",
            "from django.utils.timezone import now\nmoment = now()",
            "from django.utils import timezone\nday = timezone.localtime().date()",
            "from django.db.models.functions import Now\nat = Now()",
            "from django.db.models import functions\nat = functions.Now()",
            "at = DateTimeField(auto_now_add=True)",
            'cursor.execute("UPDATE billing_hold SET closed_at = now()")',
            'SQL = """SELECT 1 WHERE expires_at < CURRENT_TIMESTAMP"""',
            'SQL = f"DELETE FROM {table} WHERE at < clock_timestamp()"',
        ],
    )
    def test_finds_another_clock(self, text: str) -> None:
        assert list(clocks_in_python(text))

    @pytest.mark.parametrize(
        "text",
        [
            "from core import clock\nmoment = clock.now()",
            "from core.clock import CoreNow\nat = CoreNow()",
            "from time import monotonic\nbegun = monotonic()",
            "from django.utils import timezone\nlocal = timezone.localtime(clock.now())",
            'cursor.execute("UPDATE billing_hold SET closed_at = core_now()")',
            'def f():\n    """SELECT now() is what others do."""',
            'HELP = "It works from now() on."',
        ],
    )
    def test_has_nothing_against_the_databases_clock(self, text: str) -> None:
        assert not list(clocks_in_python(text))

    def test_reads_sql_without_its_comments(self) -> None:
        assert clocks_in_sql("SELECT core_now(); -- not now()") == []
        assert clocks_in_sql("SELECT Now ()") == ["Now ()"]
