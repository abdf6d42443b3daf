"""The README's first session, executed as it stands there: its commands work, and answer what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from billing.tests.servers import ROOT, Server, environment, web_server
from core.tests.application import owner_environment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Sixty days of demo data are played first.
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the README's session needs curl, which is not here"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="the README's session needs bash, which is not here"),
]

ADDRESS: Final = "http://127.0.0.1:8000"
# As the README quotes the commands.
_ENGLISH: Final = {"LC_ALL": "C", "LANGUAGE_CODE": "en"}
# Each answer is followed by a line of its own on stderr: the status, the method and the path.
_CURLRC: Final = r"""
silent
show-error
max-time = 30
write-out = "%{stderr}%{http_code} %{method} %{url}\n"
"""


def _chapter() -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    return text.partition("## A first session")[2].partition("\n## ")[0]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _chapter(), flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Demo:
    """
    A running Dvorik with demo data.

    :param home: where a reader of the README would sit
    :param key: the API key that loading the demo data printed
    """

    server: Server
    home: Path
    key: str

    def run(self, command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.home,
            env={**environment(), **_ENGLISH, "DVORIK_HOME": str(self.home), **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    loading = subprocess.run(
        [sys.executable, "manage.py", "load_demo", "--once"],
        cwd=ROOT,
        env={**environment(), **owner_environment(), **_ENGLISH, "DVORIK_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loading.returncode == 0, loading.stderr
    (key,) = re.findall(r"^Demo API key: (\S+)$", loading.stdout, flags=re.MULTILINE)
    (tmp_path / ".curlrc").write_text(_CURLRC, "utf-8")
    with web_server(threads=4) as server:
        yield Demo(server, tmp_path, key)


def _documents(text: str) -> list[Any]:
    """The JSON documents that stand one behind another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def test_works_as_it_is_written(demo: Demo) -> None:
    (script,) = _blocks("bash")
    assert ADDRESS in script
    script = script.replace(ADDRESS, f"http://127.0.0.1:{demo.server.port}")

    session = demo.run(["bash", "-eu", "-o", "pipefail", "-c", script], KEY=demo.key, CURL_HOME=str(demo.home))

    assert session.returncode == 0, session.stderr
    answers = [tuple(line.split(" ", 2)) for line in session.stderr.splitlines()]
    asked = [(status, method, path.partition("/api/v1/")[2]) for status, method, path in answers]
    person, tariffs, quote, invoice, payment, charge, refusal = _documents(session.stdout)
    assert asked == [
        ("201", "PUT", "users/by-telegram/424242"),
        ("200", "GET", "tariffs"),
        ("200", "POST", "promo-codes/quote"),
        ("201", "POST", "invoices"),
        ("201", "POST", f"invoices/{invoice['id']}/payments"),
        ("201", "POST", "charges"),
        ("402", "POST", "charges"),
    ]
    assert person["first_name"] == "Анна"
    assert {"start", "optimal", "pro", "unlimited"} == {tariff["slug"] for tariff in tariffs["results"]}
    assert quote["amount"] == invoice["amount"] == payment["amount"], "the invoice freezes the quote, which is paid"
    assert quote["discount"]["amount"] > 0
    assert payment["outcome"] == "credited"
    assert charge["balance_after"] == invoice["tokens"] - 2
    assert (refusal["code"], refusal["available"]) == ("billing.insufficient_tokens", charge["balance_after"])
    _send_it_again(demo, script, charge)
    _look_through_the_other_doors(demo)
    _open_the_pages(demo)


def _send_it_again(demo: Demo, script: str, charge: dict[str, Any]) -> None:
    """The README says of the first charge: send it again and nothing moves."""
    settings = "\n".join(line for line in script.splitlines() if re.match(r"\w+=", line) and "$(" not in line)
    (command,) = [line for line in script.splitlines() if line.startswith("curl") and "job-1" in line]
    again = demo.run(["bash", "-euc", f"{settings}\n{command}"], KEY=demo.key, CURL_HOME=str(demo.home))
    assert json.loads(again.stdout) == charge


def _look_through_the_other_doors(demo: Demo) -> None:
    """The commands of the README's second block, against the same data."""
    (block,) = _blocks("console")
    commands = [line.removeprefix("$ .venv/bin/python ") for line in block.splitlines() if line.startswith("$ ")]
    said = {}
    for command in commands:
        done = demo.run(["bash", "-euc", f"cd '{ROOT}' && exec '{sys.executable}' {command}"])
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        said[command.split()[1]] = done.stdout + done.stderr
    assert set(said) == {"explain_balance", "reconcile", "shell"}
    assert "receipt-1" in said["explain_balance"]
    assert "operator" in said["shell"]


def _open_the_pages(demo: Demo) -> None:
    """The addresses that the README names."""
    paths = set(re.findall(rf"<{re.escape(ADDRESS)}(/[^>]*)>", _chapter())) | {"/api/schema"}
    assert {"/admin/", "/api/docs"} < paths
    assert "`/api/schema`" in _chapter()
    for path in paths:
        assert demo.server.send("GET", path, headers={}).status in {200, 302}, path
