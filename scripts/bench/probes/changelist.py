"""How many statements Admin's page of the ledger takes, and how many of them count rows."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import django

django.setup()

from django.contrib import admin  # noqa: E402 (Django first)
from django.db import connection  # noqa: E402 (Django first)
from django.test import Client  # noqa: E402 (Django first)
from django.test.utils import CaptureQueriesContext  # noqa: E402 (Django first)
from django.urls import reverse  # noqa: E402 (Django first)

from accounts.models import User  # noqa: E402 (Django first)
from billing.models import Transaction  # noqa: E402 (Django first)


def main() -> int:
    if not admin.site.is_registered(Transaction):
        print(json.dumps(None))
        return 0
    operator = User.objects.create(login="bench", is_staff=True, is_superuser=True)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(operator)
    address = reverse("admin:billing_transaction_changelist")
    for _time in range(2):
        begun = perf_counter()
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address)
            # A streamed or lazy answer asks while it is read.
            size = len(answer.content)
        seconds = perf_counter() - begun
    if answer.status_code != 200 or not size:
        raise SystemExit(f"{address} answered {answer.status_code}")
    counts = [each["sql"] for each in asked if "COUNT(" in each["sql"].upper() and "LIMIT" not in each["sql"].upper()]
    print(json.dumps({"queries": len(asked), "counts": len(counts), "ms": seconds * 1000}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
