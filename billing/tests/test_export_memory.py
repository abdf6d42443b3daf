"""A long export holds a page in memory, not the list: measured in a process of its own, as a worker is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection

from billing.tests.servers import ROOT, environment
from core.exports.writers import FORMATS, PAGE_ROWS

pytestmark = pytest.mark.django_db(transaction=True)

# As many as take fifty megabytes all at once. Two hundred bytes of each would be too much to keep.
ROWS: Final = 20_000
MOST_BYTES: Final = 200 * ROWS

# What it holds at most beyond what it held before it began.
_MEASURED: Final = """
import json, re, sys
from pathlib import Path
import django
django.setup()
from audit.models import AuditLog
from core import exports
from core.api.pagination import Keyset
from core.exports import writers

def peak():
    # Of this very program: what getrusage tells begins with the memory of whoever started it.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

rows, told = AuditLog.objects.filter(action="test.many"), []
definition = exports.definition("audit")

def write(rows):
    return writers.write(
        definition, rows, Keyset("-id"), file_format=sys.argv[1], path=Path(sys.argv[2]), progress=told.append)

write(rows.filter(entity_id__in=[str(n) for n in range(2_000)]))
told.clear()
before = peak()
written = len(list(rows)) if sys.argv[1] == "all at once" else write(rows)
print(json.dumps({"written": written, "grown": peak() - before, "told": len(told)}))
"""


def many(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditlog (actor, action, entity_type, entity_id, metadata, new_value) "
            "SELECT '{\"kind\": \"system\", \"label\": \"x\"}', 'test.many', 'test.many', n::text, '{}', "
            "jsonb_build_object('name', repeat('x', 100), 'formula', '=1+1') "
            "FROM generate_series(1, %s::int) AS n",
            [count],
        )


def measured(how: str, path: Path) -> dict[str, Any]:
    program = _MEASURED.replace("sys.argv[1], path", '"csv", path') if how == "all at once" else _MEASURED
    done = subprocess.run(
        [sys.executable, "-c", program, how, str(path)],
        cwd=ROOT,
        env={**environment(), "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file_format", FORMATS)
def test_is_that_of_a_page_however_many_rows(file_format: str, tmp_path: Path) -> None:
    many(ROWS)
    written = measured(file_format, tmp_path / "file")
    assert written["written"] == ROWS
    assert written["told"] == ROWS // PAGE_ROWS, "how far it is, after each page"
    assert written["grown"] < MOST_BYTES
    if file_format == "csv":
        with (tmp_path / "file").open("rb") as file:
            assert sum(1 for _line in file) == ROWS + 1


@pytest.mark.timeout(300)
def test_would_be_many_times_that_with_all_rows_at_once(tmp_path: Path) -> None:
    """The control."""
    many(ROWS)
    assert measured("all at once", tmp_path / "file.csv")["grown"] > 5 * MOST_BYTES
