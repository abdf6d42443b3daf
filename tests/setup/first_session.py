"""The README's first session, executed as it stands there: its commands work, and answer what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from tests.setup.conftest import ROOT, environment
from tests.setup.runs import PATIENCE, Run

ADDRESS: Final = "http://127.0.0.1:8000"
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


def _documents(text: str) -> list[Any]:
    """The JSON documents that stand one behind another."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


@dataclass(frozen=True)
class Reader:
    """
    Somebody with the README in front of them, and ``make run`` in another terminal.

    :param folder: where they sit
    """

    run: Run
    folder: Path

    def works_through_it(self) -> None:
        """Type every command and open every page, and find what the README says."""
        (self.folder / ".curlrc").write_text(_CURLRC, "utf-8")
        (script,) = _blocks("bash")
        assert ADDRESS in script
        script = script.replace(ADDRESS, self.run.address)

        session = self._types(["bash", "-eu", "-o", "pipefail", "-c", script])

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
        self._sends_it_again(script, charge)
        self._looks_through_the_other_doors()
        self._opens_the_pages()

    def _types(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        _login, key = self.run.credentials()
        own = {"PATH": os.environ["PATH"], "KEY": key, "CURL_HOME": str(self.folder)}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment(self.run.home) | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def _sends_it_again(self, script: str, charge: dict[str, Any]) -> None:
        """The README says of the first charge: send it again and nothing moves."""
        settings = "\n".join(line for line in script.splitlines() if re.match(r"\w+=", line) and "$(" not in line)
        (command,) = [line for line in script.splitlines() if line.startswith("curl") and "job-1" in line]
        again = self._types(["bash", "-euc", f"{settings}\n{command}"])
        assert json.loads(again.stdout) == charge

    def _looks_through_the_other_doors(self) -> None:
        """The commands of the README's second block, against the same data."""
        (block,) = _blocks("console")
        commands = [line.removeprefix("$ .venv/bin/python ") for line in block.splitlines() if line.startswith("$ ")]
        said = {}
        for command in commands:
            done = self._types(["bash", "-euc", f"cd '{ROOT}' && exec '{sys.executable}' {command}"])
            assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
            said[command.split()[1]] = done.stdout + done.stderr
        assert set(said) == {"explain_balance", "reconcile", "shell"}
        assert "receipt-1" in said["explain_balance"]
        assert "operator" in said["shell"]

    def _opens_the_pages(self) -> None:
        """The addresses that the README names."""
        paths = set(re.findall(rf"<{re.escape(ADDRESS)}(/[^>]*)>", _chapter())) | {"/api/schema"}
        assert {"/admin/", "/api/docs"} < paths
        assert "`/api/schema`" in _chapter()
        for path in paths:
            answer = requests.get(f"{self.run.address}{path}", timeout=60, allow_redirects=False)
            assert answer.status_code in {200, 302}, path
