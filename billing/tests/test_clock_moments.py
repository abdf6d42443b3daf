"""A year of a house of a few wallets on the test clock: what runs out does so at its moment, within seconds."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from billing.models import Announcement, CreditRequest, Hold, Invoice, Transaction, Wallet
from billing.operations import charges
from billing.owners import Owner
from billing.tests.factories import (
    TESTER,
    CreditRequestFactory,
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    TariffFactory,
    add_lot,
    funded_wallet,
    new_key,
)
from billing.tests.invariants import contradictions
from core import clock
from core.clock_moments import stops_after
from core.operations import clocks

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400


def advance(*, days: float) -> clocks.Advance:
    return clocks.advance(seconds=round(days * DAY), by=TESTER)


def expiries() -> list[tuple[int, datetime]]:
    rows = Transaction.objects.filter(type=Transaction.Type.EXPIRATION).order_by("position")
    return [(-row.tokens_delta, row.created_at) for row in rows]


def test_each_thing_runs_out_in_the_minute_in_which_it_is_due() -> None:
    start = clock.now()
    late, soon = funded_wallet(tokens=3, expires_in=timedelta(days=40)), funded_wallet(tokens=1)
    add_lot(soon, 2, expires_in=timedelta(days=20, seconds=17))
    hold = HoldFactory.create(wallet=soon, tokens=1, expires_in=3600)
    invoice = InvoiceFactory.create(wallet=late)
    request = CreditRequestFactory.create(wallet=late)

    done = advance(days=365)

    assert done.arrived
    assert [tokens for tokens, _at in expiries()] == [2, 3]
    for (_tokens, at), due in zip(expiries(), (timedelta(days=20, seconds=17), timedelta(days=40)), strict=True):
        assert timedelta(0) <= at - start - due < timedelta(seconds=90)
    hold.refresh_from_db()
    invoice.refresh_from_db()
    request.refresh_from_db()
    assert hold.state == Hold.State.EXPIRED
    assert invoice.status == Invoice.Status.EXPIRED
    assert request.state == CreditRequest.State.EXPIRED
    assert hold.closed_at is not None
    assert timedelta(0) <= hold.closed_at - hold.expires_at < timedelta(seconds=90)
    moments = [each.at for each in done.ran]
    assert moments == sorted(moments)
    assert contradictions() == []


def test_each_lot_of_a_wallet_is_announced_in_its_hour() -> None:
    start = clock.now()
    wallet = funded_wallet(tokens=1, expires_in=timedelta(days=10))
    add_lot(wallet, 2, expires_in=timedelta(days=12))

    advance(days=30)

    told = Announcement.objects.filter(type="tokens.expiring").order_by("created_at")
    assert [each.payload["tokens"] for each in told] == [1, 2]
    for each, due in zip(told, (timedelta(days=7), timedelta(days=9)), strict=True):
        # The job runs once an hour.
        assert timedelta(0) <= each.created_at - start - due < timedelta(minutes=62)


def test_a_year_of_a_small_house_passes_in_seconds() -> None:
    """Of wallets whose lots run out at different moments, of invoices and of holds."""
    tariff = TariffFactory.create(token_validity_days=90)
    wallets = [funded_wallet(tokens=10, expires_in=timedelta(days=30 * (n + 1), minutes=7 * n)) for n in range(8)]
    for n, wallet in enumerate(wallets):
        PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff))
        InvoiceFactory.create(wallet=wallet, tariff=tariff)
        HoldFactory.create(wallet=wallet, tokens=1, expires_in=600 * (n + 1))

    begun = time.monotonic()
    done = advance(days=365)

    assert time.monotonic() - begun < 20
    assert done.arrived
    assert sum(Wallet.objects.values_list("token_balance", flat=True)) == 0
    assert not Hold.objects.filter(state=Hold.State.OPEN).exists()
    assert not Invoice.objects.filter(status=Invoice.Status.PENDING).exists()
    assert {each.outcome for each in done.ran} == {"done"}
    assert contradictions() == []


def test_nothing_waits_is_said_of_an_empty_house() -> None:
    assert list(stops_after(clock.now())) == []


def test_a_charge_is_one_statement_of_the_same_plan_under_a_moved_clock(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    wallet = funded_wallet(tokens=100, expires_in=timedelta(days=60))
    before = _plan(wallet)
    advance(days=1)
    with django_assert_num_queries(1):
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=1, key=new_key(), by=TESTER)
    after = _plan(wallet)
    assert [_without_the_offset(line) for line in after] == before
    assert after != before


def _plan(wallet: Wallet) -> list[str]:
    """Of a charge, as PostgreSQL runs it for any parameters."""
    owner = Owner.wallet(wallet.pk)
    names = ("id", "owner", "tokens", "key", "hash", "description", "metadata", "actor")
    statement = charges._statement(owner.kind)
    for name in names:
        statement = statement.replace(f"%({name})s", f"${names.index(name) + 1}")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE a_charge AS {statement}")
        cursor.execute(f"EXPLAIN (COSTS OFF, VERBOSE) EXECUTE a_charge({', '.join(['NULL'] * len(names))})")
        lines = [line for (line,) in cursor.fetchall()]
        cursor.execute("DEALLOCATE a_charge")
    assert not any("core_now" in line for line in lines)
    return lines


def _without_the_offset(line: str) -> str:
    return re.sub(r"\(now\(\) \+ '[^']+'::interval\)", "now()", line)
