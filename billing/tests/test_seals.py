"""The ledger's seals: an edited, deleted or inserted row is named."""

from __future__ import annotations

from typing import Final

import pytest

from audit.tests.sealed import as_the_owner, first_misfit, seal_everything
from billing.models import Transaction
from billing.tests import deeds
from billing.tests.factories import funded_wallet
from conftest import TestClock
from core.tests.guards import execute

LEDGER: Final = "billing.transaction"
TABLE: Final = "billing_transaction"

pytestmark = pytest.mark.django_db


@pytest.fixture
def charge(clock: TestClock) -> Transaction:
    """A sealed charge between other rows."""
    wallet = funded_wallet()
    rows = [deeds.charge(wallet).transaction for _number in range(3)]
    assert seal_everything(LEDGER, clock) == Transaction.objects.count() > 3
    return Transaction.objects.get(pk=rows[1].pk)


def test_numbers_follow_the_order_in_which_rows_were_written() -> None:
    wallet = funded_wallet()
    rows = [deeds.charge(wallet).transaction for _number in range(3)]
    written = list(Transaction.objects.filter(pk__in=[row.pk for row in rows]).order_by("position").values_list("pk"))
    assert written == [(row.pk,) for row in rows]


def test_a_ledger_as_it_was_written_fits(charge: Transaction) -> None:
    assert first_misfit(LEDGER) is None


@pytest.mark.parametrize(
    "edit",
    ["tokens_delta = tokens_delta - 1", "description = 'x'", r"request_hash = '\x00'", "actor = '{}'"],
)
def test_names_an_edited_row(charge: Transaction, edit: str) -> None:
    with as_the_owner(TABLE):
        assert execute(f"UPDATE {TABLE} SET {edit} WHERE id = %s::uuid", charge.pk) == 1

    found = first_misfit(LEDGER)
    assert found is not None
    assert (found.kind, found.place, found.name) == ("edited", charge.position, str(charge.pk))
    assert str(charge.pk) in str(found)


def test_names_a_deleted_row(charge: Transaction) -> None:
    with as_the_owner(TABLE):
        execute(f"DELETE FROM {TABLE} WHERE id = %s::uuid", charge.pk)

    found = first_misfit(LEDGER)
    assert found is not None
    assert (found.kind, found.place) == ("deleted", charge.position)


def test_names_a_row_that_takes_another_ones_number(charge: Transaction) -> None:
    forged = deeds.charge(funded_wallet()).transaction
    with as_the_owner(TABLE):
        execute(f"UPDATE {TABLE} SET position = %s::bigint WHERE id = %s::uuid", charge.position, forged.pk)

    found = first_misfit(LEDGER)
    assert found is not None
    assert (found.kind, found.place, found.name) == ("inserted", charge.position, str(forged.pk))
