"""The law of the locks: they hold what ``pyproject.toml`` asks for, by hash, and name no place to fetch it from."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w., -]+\])?==(?P<version>[\w.!+-]+)(?P<marker> ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def findings(root: Path) -> Iterator[str]:
    """Every way in which the locks at ``root`` are not what ``pyproject.toml`` says, one sentence each."""
    asked = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    extras = asked["project"]["optional-dependencies"].values()
    needed = [*asked["project"]["dependencies"], *(each for extra in extras for each in extra)]
    locks = {
        name: (root / name).read_text("utf-8").replace("\\\n", "")
        for name in ("requirements.txt", "requirements-dev.txt")
    }
    pins = {name: dict(_pins(text)) for name, text in locks.items()}
    for name, text in locks.items():
        yield from (f"{name}: {line}" for line in _strange_lines(text))
    yield from _unmet("requirements.txt", needed, pins["requirements.txt"])
    yield from _unmet(
        "requirements-dev.txt", [*needed, *asked["dependency-groups"]["dev"]], pins["requirements-dev.txt"]
    )
    for package, versions in pins["requirements.txt"].items():
        if pins["requirements-dev.txt"].get(package) != versions:
            yield f"{package} is another one in requirements-dev.txt than in requirements.txt: run `make lock`"


def _pins(text: str) -> Iterator[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for pin in map(PIN.match, text.splitlines()):
        if pin:
            found.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    yield from found.items()


def _strange_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            if not PIN.match(line) or "://" in line:
                yield f"{line.strip()!r} is no pinned package"
            elif not HASH.search(line):
                yield f"{line.strip()!r} has no hash"


def _unmet(lock: str, asked: Iterable[str], pins: dict[str, set[str]]) -> Iterator[str]:
    for text in asked:
        requirement = Requirement(text)
        versions = pins.get(canonicalize_name(requirement.name), set())
        if not versions or not all(requirement.specifier.contains(Version(version)) for version in versions):
            yield f"{lock} does not hold {text}: run `make lock`"


def main() -> int:
    found = list(findings(ROOT))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
