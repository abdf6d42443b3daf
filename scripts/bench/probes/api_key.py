"""Issues an API key that may charge."""

from __future__ import annotations

import json
import sys

import django


def issue() -> str:
    """The key, as it is shown once."""
    from accounts.operations import api_keys
    from core.actors import SYSTEM

    _row, shown = api_keys.create(name="bench", scopes=["billing:write", "billing:read"], by=SYSTEM)
    return shown


if __name__ == "__main__":
    django.setup()
    print(json.dumps(issue()))
    sys.exit(0)
