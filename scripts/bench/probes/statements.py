"""How many statements a charge takes: by its operation, and over HTTP once the caller is known."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.db import connection  # noqa: E402 (Django first)
from django.test import Client  # noqa: E402 (Django first)
from django.test.utils import CaptureQueriesContext  # noqa: E402 (Django first)

from billing.operations import charges  # noqa: E402 (Django first)
from billing.owners import Owner  # noqa: E402 (Django first)
from core.actors import SYSTEM  # noqa: E402 (Django first)
from scripts.bench.fill import user_id  # noqa: E402 (Django first)
from scripts.bench.probes.api_key import issue  # noqa: E402 (Django first)


def main() -> int:
    key, customer = issue(), user_id(2)
    with CaptureQueriesContext(connection) as by_operation:
        charges.charge(owner=Owner.user(customer), tokens=1, key="statements-1", by=SYSTEM)
    client = Client(HTTP_HOST="127.0.0.1", headers={"Authorization": f"Api-Key {key}"})
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as over_http:
            answer = client.post(
                "/api/v1/charges",
                {"user": str(customer), "tokens": 1},
                content_type="application/json",
                headers={"Idempotency-Key": f"statements-http-{number}"},
            )
        if answer.status_code != 201:
            raise SystemExit(answer.content.decode())
        counts.append(len(over_http))
    print(json.dumps({"operation": len(by_operation), "http": counts[-1], "http_first": counts[0]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
