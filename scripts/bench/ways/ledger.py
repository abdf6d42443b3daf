"""django-ledger: commit a balanced pair of transactions to a posted ledger. It checks no balance and knows no keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def prepare(clients: int) -> None:
    from django.contrib.auth.models import User
    from django_ledger.models import EntityModel

    admin = User.objects.create_user(username="owner")
    for number in range(clients):
        # A set of books for each client: they never wait for one another.
        books = EntityModel.create_entity(
            name=f"Books {number}", admin=admin, use_accrual_method=True, fy_start_month=1
        )
        chart = books.create_chart_of_accounts(assign_as_default=True, commit=True, coa_name="Chart")
        books.create_account(
            coa_model=chart, code="1010", role="asset_ca_cash", name="Cash", balance_type="debit", active=True
        )
        books.create_account(
            coa_model=chart, code="4010", role="in_operational", name="Sales", balance_type="credit", active=True
        )
        books.create_ledger(name="Charges", posted=True)


def client(number: int) -> Callable[[], int]:
    from django.utils import timezone
    from django_ledger.models import EntityModel

    books: Any = EntityModel.objects.get(name=f"Books {number}")
    ledger = books.ledgermodel_set.get(name="Charges")
    cash = books.get_default_coa_accounts().get(code="1010")
    sales = books.get_default_coa_accounts().get(code="4010")

    def commit() -> int:
        ledger.commit_txs(
            je_timestamp=timezone.now(),
            je_txs=[
                {"account": cash, "amount": 1, "tx_type": "debit", "description": "A brief"},
                {"account": sales, "amount": 1, "tx_type": "credit", "description": "A brief"},
            ],
            je_posted=True,
        )
        return 1

    return commit
