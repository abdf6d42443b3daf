"""
``make check``: holds the code against every law that needs no test.

Each law is one command; all of them run, and the end says which were broken. Arguments name single laws.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.temporary_server import temporary_server

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
APPS = ("accounts", "audit", "billing", "config", "core", "messaging", "products")
CODE = [*(app for app in APPS if (ROOT / app).exists()), "scripts", "tests"]
WORKFLOWS = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
PRODUCTION = {
    "ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "dvorik.example",
    "DEBUG": "false",
}


@dataclass(frozen=True)
class Law:
    """One command that must succeed."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def laws() -> Iterator[Law]:
    """Every law, the quickest first."""
    yield Law("format", [_tool("ruff"), "format", "--check", "."])
    yield Law("style", [_tool("ruff"), "check", "."])
    yield Law("floors", [_tool("lint-imports"), "--no-logo"])
    yield Law("files", _module("scripts.laws_of_files"))
    yield Law("locks", _module("scripts.laws_of_locks"))
    yield Law("messages", _module("scripts.messages", "--check"))
    yield Law("security", [_tool("bandit"), "--quiet", "--configfile=pyproject.toml", "--recursive", *CODE])
    yield Law("dependencies", _module("scripts.law_of_dependencies"))
    yield Law("dockerfile", [_tool("hadolint"), "Dockerfile"])
    yield Law("compose", [_tool("check-jsonschema"), "--builtin-schema=vendor.compose-spec", "docker-compose.yml"])
    yield Law("workflow", [_tool("check-jsonschema"), "--builtin-schema=vendor.github-workflows", *WORKFLOWS])
    yield Law("types", [_tool("mypy"), "manage.py", *CODE])
    yield Law("models", _manage("makemigrations", "--check", "--dry-run"))
    yield Law("migrations", _module("scripts.lint_migrations", *_own_apps()))
    yield Law("deployment", _manage("check", "--deploy", "--fail-level=WARNING"), PRODUCTION)
    yield Law("openapi", _manage("spectacular", "--validate", "--fail-on-warn", f"--file={os.devnull}"))


def main() -> int:
    wanted = set(sys.argv[1:])
    chosen = [law for law in laws() if not wanted or law.name in wanted]
    if unknown := wanted - {law.name for law in chosen}:
        print(f"No such law: {', '.join(sorted(unknown))}. There are: {', '.join(law.name for law in laws())}.")
        return 2
    broken = []
    with temporary_server() as environment:
        for law in chosen:
            started = time.monotonic()
            result = subprocess.run(
                law.command,
                cwd=ROOT,
                env={**environment, **law.environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
            kept = result.returncode == 0
            took = time.monotonic() - started
            print(f"{'kept  ' if kept else 'BROKEN'} {law.name} ({took:.1f} s)", flush=True)
            if not kept:
                broken.append(law.name)
                print(result.stdout.rstrip(), flush=True)
            elif result.stdout.startswith("not asked"):
                print(result.stdout.rstrip(), flush=True)
    print(f"Broken: {', '.join(broken)}." if broken else f"All {len(chosen)} laws are kept.")
    return 1 if broken else 0


def _tool(name: str) -> str:
    return str(BIN / name)


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "manage.py", *arguments]


def _own_apps() -> list[str]:
    return [app for app in APPS if (ROOT / app / "migrations").exists()]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
