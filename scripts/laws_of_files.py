"""The laws of the tree itself: what may lie at its root, how files may be called, and how long they get."""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FULL = 400
NAMELESS = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py"}
MARKS = "TODO|FIXME|XXX|HACK"
UNFINISHED = re.compile(rf"#.*\b({MARKS})\b")
# A silenced finding names itself, and gives its reason after the code.
BARE_SILENCE = re.compile(
    r"#\s*(type:\s*ignore(?!\[[\w, -]+\]\s+\S)"
    r"|noqa(?!:(\s*[A-Z]+\d+,?)+\s+\S))"
)
AT_THE_ROOT = {
    *("manage.py", "config", "billing", "accounts", "audit", "core", "messaging", "products"),
    *("requirements.txt", "requirements-dev.txt", "requirements-bench.txt", "pyproject.toml", "conftest.py"),
    *("Dockerfile", "docker-compose.yml"),
    *("docs", "scripts", "locale", "tests", "Makefile", "README.md", "CHANGELOG.md", "LICENSE"),
    *(".env.example", ".github", ".ci", ".gitignore", ".dockerignore", ".hadolint.yaml", ".gitattributes"),
}
# Not part of the tree: made by tools, and ignored by git.
MADE = {
    *(".git", ".venv", ".venv-bench", "var", ".env", ".coverage", "htmlcov", "staticfiles", "reports", "__pycache__"),
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis"),
}


def findings(root: Path) -> Iterator[str]:
    """Every law that the tree at ``root`` breaks, one sentence each."""
    for entry in sorted(root.iterdir()):
        if entry.name not in AT_THE_ROOT | MADE and not entry.name.startswith(".coverage."):
            yield f"{entry.name}: nothing else grows at the root without a decision in docs/adr"
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name in AT_THE_ROOT):
        for path in sorted(folder.rglob("*.py")):
            yield from _of_one_file(path, path.relative_to(root))


def _of_one_file(path: Path, name: Path) -> Iterator[str]:
    if path.name in NAMELESS:
        yield f"{name}: a name that says nothing; name it after what is in it"
    text = path.read_text("utf-8")
    lines = len(text.splitlines())
    if lines > FULL and "migrations" not in path.parts:
        yield f"{name}: {lines} lines; a file is full at {FULL}"
    if "#" not in text:
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if UNFINISHED.search(token.string):
            yield f"{name}:{token.start[0]}: unfinished work belongs into an issue"
        if BARE_SILENCE.search(token.string):
            yield f"{name}:{token.start[0]}: a silenced finding names its code and its reason"


def main() -> int:
    found = list(findings(ROOT))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
