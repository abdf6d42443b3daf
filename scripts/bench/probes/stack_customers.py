"""Gives the common stack its customers and a token: ``python -m scripts.bench.probes.stack_customers <how many>``."""

from __future__ import annotations

import json
import sys

import django

django.setup()


def main() -> int:
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from scripts.bench.stack.shop.models import Customer, Wallet

    server, _made = User.objects.get_or_create(username="server")
    token, _made = Token.objects.get_or_create(user=server)
    names = [f"http-{number}" for number in range(int(sys.argv[1]))]
    if not Customer.objects.filter(username=names[0]).exists():
        people = Customer.objects.bulk_create([Customer(username=name) for name in names])
        Wallet.objects.bulk_create([Wallet(customer=person, balance=10**9) for person in people])
    ids = list(Customer.objects.filter(username__startswith="http-").order_by("pk").values_list("pk", flat=True))
    print(json.dumps({"token": token.key, "customers": ids}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
