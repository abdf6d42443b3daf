"""The support desk's door to money: what ``manage.py shell`` offers of billing, and who may write through it."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from accounts.management.commands.shell import Command
from accounts.tests.factories import StaffFactory
from audit.models import AuditLog
from billing import operations, queries
from billing.models import Tariff, Transaction
from billing.tests.deeds import booked
from billing.tests.factories import TariffFactory, funded_wallet
from core.database_roles import application_role
from core.tests.processes import manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.setup]

WHO_AND_WHY = ("--as", "olga", "--reason", "ticket 7")


def test_offers_each_of_billings_sentences_under_its_own_name() -> None:
    """No other app's module, query or model stands in its place."""
    offered = Command().get_namespace(verbosity=0)
    for module in pkgutil.iter_modules(operations.__path__, f"{operations.__name__}."):
        name = module.name.rpartition(".")[2]
        assert offered[name] is import_module(module.name), name
    for module in pkgutil.iter_modules(queries.__path__, f"{queries.__name__}."):
        for name, function in inspect.getmembers(import_module(module.name), inspect.isfunction):
            if function.__module__ == module.name and not name.startswith("_"):
                assert offered[name] is function, name


def test_credits_and_changes_prices_as_whoever_said_who_and_why(tmp_path: Path) -> None:
    olga = StaffFactory.create(login="olga", role="operator")
    wallet, tariff = funded_wallet(tokens=10), TariffFactory.create(price=14_900)
    script = f"""
        from billing.owners import Owner
        owner = Owner.wallet("{wallet.pk}")
        print(grants.give(owner=owner, tokens=5, reason="an apology", key="ticket-7", by=me).replayed)
        print(grants.give(owner=owner, tokens=5, reason="an apology", key="ticket-7", by=me).replayed)
        print(tariffs.change(slug="{tariff.slug}", seen_version=1, price=9_900, by=me).version)
        print(get_balance(owner).token_balance, len(explain_balance(owner).lines))
    """
    ran = manage(tmp_path, "shell", "-v0", *WHO_AND_WHY, says=dedent(script))
    assert ran.stdout.split() == ["False", "True", "2", "15", "2"], ran.stderr
    row = Transaction.objects.get(wallet=wallet, idempotency_key="ticket-7")
    assert row.actor == {"kind": "shell", "id": str(olga.pk), "label": "olga"}
    given = AuditLog.objects.get(action="billing.grant.given", entity_id=str(wallet.pk), user_id=olga.pk)
    assert (given.metadata["door"], given.metadata["reason"]) == ("shell", "an apology")
    changed = AuditLog.objects.filter(entity_id=str(tariff.pk)).latest("pk")
    assert (changed.user_id, changed.metadata["reason"]) == (olga.pk, "ticket 7")
    assert (changed.old_value, changed.new_value) == (
        {"price": 14_900, "version": 1},
        {"price": 9_900, "version": 2},
    )


def test_moves_no_money_for_somebody_who_did_not(tmp_path: Path) -> None:
    wallet, tariff = funded_wallet(tokens=10), TariffFactory.create(price=14_900)
    script = f"""
        from billing.owners import Owner
        from core.actors import SYSTEM
        owner = Owner.wallet("{wallet.pk}")
        print(get_balance(owner).token_balance)
        def attempt(deed):
            try:
                deed()
            except Exception as refusal:
                print(type(refusal.__cause__ or refusal).__name__)
            else:
                print("moved")
        attempt(lambda: grants.give(owner=owner, tokens=5, reason="mine", key="k", by=SYSTEM))
        attempt(lambda: charges.charge(owner=owner, tokens=5, key="k", by=SYSTEM))
        attempt(lambda: holds.place(owner=owner, tokens=5, key="k", by=SYSTEM))
        attempt(lambda: tariffs.archive(slug="{tariff.slug}", by=SYSTEM))
        attempt(lambda: Wallet.objects.update(token_balance=99))
    """
    ran = manage(tmp_path, "shell", "-v0", says=dedent(script))
    assert ran.stdout.split() == ["10", *["ReadOnlySqlTransaction"] * 5], ran.stderr
    assert booked(wallet) == (10, 0, 1)
    assert Tariff.objects.get().is_active


def test_rewrites_no_ledger_for_anybody(tmp_path: Path) -> None:
    StaffFactory.create(login="olga")
    wallet = funded_wallet(tokens=10)
    for statement in ("update(tokens_delta=99)", "delete()"):
        ran = manage(
            tmp_path, "shell", "-v0", *WHO_AND_WHY, says=f"Transaction.objects.filter(tokens_delta=10).{statement}\n"
        )
        assert ran.returncode != 0
        # The trigger refuses, and before it, where the application has a role of its own, that one's lack of rights.
        by_role = "permission denied for table billing_transaction"
        assert (by_role if application_role() else "append only") in ran.stderr
    assert booked(wallet) == (10, 0, 1)
