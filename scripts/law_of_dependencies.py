"""
The law of the dependencies: nothing is known against the packages that run in production. ``pip-audit`` asks PyPI;
where that does not answer the law says so and is kept: no machine without a network is held up by it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60
# How pip-audit ends where its service is away; whatever else goes wrong is for somebody to look at.
_UNANSWERED = re.compile(
    r"^requests\.exceptions\.|\bServiceError\b|Could not connect|not redirecting properly", re.MULTILINE
)


@dataclass(frozen=True)
class Audit:
    """
    :param is_clean: whether the law is kept
    :param told: what there is to say, one sentence each
    """

    is_clean: bool
    told: Sequence[str]


def audit(command: Sequence[str], *, seconds: float = SECONDS) -> Audit:
    """
    Run ``pip-audit`` and judge what it says.

    :param command: prints its findings as JSON
    :param seconds: how long it may take
    """
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Audit(True, [f"not asked: no answer within {seconds:g} seconds"])
    except OSError as absent:
        return Audit(False, [f"pip-audit cannot be run: {absent}"])
    found = _findings(run.stdout)
    if found:
        return Audit(False, found)
    if found is not None and run.returncode == 0:
        return Audit(True, [])
    last = (run.stderr.strip() or run.stdout.strip() or f"exit status {run.returncode}").splitlines()[-1][:300]
    if _UNANSWERED.search(run.stderr):
        return Audit(True, [f"not asked: {last}"])
    return Audit(False, [last])


def _findings(output: str) -> list[str] | None:
    """What is known against each package; None where this is no report."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return [
        f"{package['name']} {package['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'none'}"
        for package in packages
        for each in package.get("vulns", ())
    ]


def main() -> int:
    tool = Path(sys.executable).parent / "pip-audit"
    asked = ["--progress-spinner=off", "--disable-pip", "--require-hashes", "--format=json"]
    done = audit([str(tool), *asked, f"--requirement={ROOT / 'requirements.txt'}"])
    print("\n".join(done.told))
    return 0 if done.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
