"""
What runs in production, for those who keep such lists: ``python -m scripts.bill_of_materials > bom.json`` prints the
lock as a CycloneDX document. It asks nobody.
"""

import json
import sys
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from scripts.laws_of_locks import PIN

ROOT = Path(__file__).resolve().parent.parent


def bill(lock: str) -> dict[str, Any]:
    """
    A lock as a CycloneDX document. The same lock is the same document.

    :param lock: the text of a ``requirements.txt``
    """
    pins = sorted(
        {(canonicalize_name(pin["name"]), pin["version"]) for pin in map(PIN.match, lock.splitlines()) if pin}
    )
    components = [
        {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
        for name, version in pins
        for purl in (f"pkg:pypi/{name}@{version}",)
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def main() -> int:
    print(json.dumps(bill((ROOT / "requirements.txt").read_text("utf-8")), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
