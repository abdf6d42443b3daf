"""Tariffs: created, changed by somebody who saw what they change, archived."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from audit.models import AuditLog
from billing import errors
from billing.models import Tariff
from billing.operations import tariffs
from billing.queries import tariffs as tariff_queries
from billing.tests.deeds import booked, pay
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, WalletFactory
from billing.tests.races import lined_up, outcomes, without
from billing.tests.snapshots import Unmoved, snapshot
from core.errors import ValidationFailed

pytestmark = pytest.mark.django_db

SOLD: dict[str, Any] = {"slug": "package", "name": "Package", "price": 14_900, "currency": "RUB", "tokens": 50}


def change(tariff: Tariff, *, seen: int | None = None, **fields: object) -> Tariff:
    return tariffs.change(slug=tariff.slug, seen_version=seen or tariff.version, by=TESTER, **fields)


class TestCreate:
    def test_puts_a_tariff_on_sale(self) -> None:
        tariff = tariffs.create(by=TESTER, **SOLD, token_validity_days=30, price_stars=100)
        stored = Tariff.objects.get(slug="package")
        assert stored == tariff
        assert (stored.price, stored.currency, stored.tokens, stored.version) == (14_900, "RUB", 50, 1)
        assert (stored.token_validity_days, stored.price_stars, stored.is_active) == (30, 100, True)
        assert AuditLog.objects.get(entity_id=str(tariff.pk)).actor["label"] == "tests"

    def test_refuses_a_slug_that_is_taken(self, unmoved: Unmoved) -> None:
        TariffFactory.create(slug="package")
        with unmoved(errors.TariffSlugTaken) as refusal:
            tariffs.create(by=TESTER, **SOLD)
        assert (refusal.value.code, refusal.value.status) == ("billing.tariff_slug_taken", 409)
        assert list(refusal.value.fields) == ["slug"]

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"price": 0}, "price"),
            ({"price": -1}, "price"),
            ({"price": 10**15 + 1}, "price"),
            ({"price": 149.5}, "price"),
            ({"currency": "DOGE"}, "currency"),
            ({"currency": "XTR"}, "currency"),
            ({"slug": "no spaces"}, "slug"),
            ({"slug": ""}, "slug"),
            ({"name": ""}, "name"),
            ({"name": "x" * 256}, "name"),
            ({"tokens": -1}, "tokens"),
            ({"tokens": 0}, "__all__"),
            ({"token_validity_days": 0}, "token_validity_days"),
            ({"token_validity_days": 36_526}, "token_validity_days"),
            ({"price_stars": 0}, "price_stars"),
            ({"audience": "everybody"}, "audience"),
            ({"family": "Not lower"}, "family"),
            ({"subscription_days": 100_000}, "subscription_days"),
            ({"version": 7}, "version"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_refuses_what_cannot_be_sold_and_names_the_field(
        self, unmoved: Unmoved, wrong: dict[str, Any], field: str
    ) -> None:
        with unmoved(ValidationFailed) as refusal:
            tariffs.create(by=TESTER, **{**SOLD, **wrong})
        assert list(refusal.value.fields) == [field]

    @pytest.mark.parametrize(("tokens", "asked_one_by_one"), [(50, False), (0, True)])
    def test_asks_for_each_rule_by_itself_only_where_one_was_broken(self, tokens: int, asked_one_by_one: bool) -> None:
        with CaptureQueriesContext(connection) as asked, suppress(ValidationFailed):
            tariffs.create(by=TESTER, **{**SOLD, "tokens": tokens})
        assert any("_check" in each["sql"] for each in asked.captured_queries) is asked_one_by_one

    @pytest.mark.django_db(transaction=True)
    def test_one_of_many_gets_a_slug_that_all_want(self) -> None:
        ran = outcomes(*[lambda: tariffs.create(by=TESTER, **SOLD)] * 6)
        assert (len(ran.results), ran.codes) == (1, {"billing.tariff_slug_taken": 5})
        assert Tariff.objects.count() == 1


class TestChange:
    def test_changes_what_is_sold_and_counts_the_version(self) -> None:
        tariff = TariffFactory.create()
        changed = change(tariff, price=9_900, tokens=60)
        assert (changed.price, changed.tokens, changed.version) == (9_900, 60, 2)
        assert Tariff.objects.get(pk=tariff.pk).version == 2

    def test_keeps_old_and_new_values_in_the_audit_log(self) -> None:
        tariff = TariffFactory.create(price=14_900)
        change(tariff, price=9_900)
        row = AuditLog.objects.filter(entity_id=str(tariff.pk)).latest("pk")
        assert row.old_value is not None
        assert row.new_value is not None
        assert (row.old_value["price"], row.new_value["price"]) == (14_900, 9_900)
        assert row.actor["label"] == "tests"

    def test_saving_what_is_there_already_is_no_new_version(self) -> None:
        tariff = TariffFactory.create(price=14_900)
        assert change(tariff, price=14_900).version == 1

    def test_refuses_an_editor_who_saw_an_older_version(self, unmoved: Unmoved) -> None:
        tariff = TariffFactory.create()
        change(tariff, price=9_900)
        with unmoved(errors.TariffChanged) as refusal:
            change(tariff, seen=1, price=19_900)
        assert refusal.value.data == {"version": 2, "seen": 1}
        assert (refusal.value.code, refusal.value.status) == ("billing.tariff_changed", 409)

    def test_refuses_an_editor_who_saw_a_version_that_never_was(self, unmoved: Unmoved) -> None:
        tariff = TariffFactory.create()
        with unmoved(errors.TariffChanged):
            change(tariff, seen=9, price=19_900)

    def test_refuses_a_tariff_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.TariffNotFound) as refusal:
            tariffs.change(slug="nothing", seen_version=1, price=1, by=TESTER)
        assert (refusal.value.code, refusal.value.status) == ("billing.tariff_not_found", 404)

    @pytest.mark.parametrize(
        ("wrong", "field"), [({"price": 0}, "price"), ({"tokens": 0}, "__all__"), ({"version": 9}, "version")]
    )
    def test_refuses_what_cannot_be_sold(self, unmoved: Unmoved, wrong: dict[str, Any], field: str) -> None:
        tariff = TariffFactory.create()
        with unmoved(ValidationFailed) as refusal:
            change(tariff, **wrong)
        assert list(refusal.value.fields) == [field]

    @pytest.mark.django_db(transaction=True)
    def test_tells_the_second_of_two_operators(self) -> None:
        """Both have opened version 1, and both save: one succeeds, the other is told."""
        tariff = TariffFactory.create(price=14_900)
        deeds: list[Callable[[], Tariff]] = [
            lambda: change(tariff, seen=1, price=9_900),
            lambda: change(tariff, seen=1, price=19_900),
        ]
        ran = lined_up(tariff, *deeds)
        assert ran.codes == {"billing.tariff_changed": 1}
        assert ran.refusals[0].data == {"version": 2, "seen": 1}
        (winner,) = ran.results
        tariff.refresh_from_db()
        assert (tariff.price, tariff.version) == (winner.price, 2)

    @pytest.mark.django_db(transaction=True)
    def test_a_version_that_nobody_counts_lets_the_second_overwrite_the_first(self) -> None:
        with without("billing_tariff", "billing_tariff_counts_its_version"):
            tariff = TariffFactory.create()
            change(tariff, seen=1, price=9_900)
            assert change(tariff, seen=1, price=19_900).version == 1

    def test_counts_changes_that_go_round_the_operations(self, unmoved: Unmoved) -> None:
        tariff = TariffFactory.create()
        Tariff.objects.filter(pk=tariff.pk).update(price=F("price") + 1)
        with unmoved(errors.TariffChanged):
            change(tariff, price=19_900)


class TestArchive:
    def test_takes_a_tariff_off_sale(self) -> None:
        tariff = TariffFactory.create()
        archived = tariffs.archive(slug=tariff.slug, by=TESTER)
        assert (archived.is_active, archived.version) == (False, 2)
        assert list(tariff_queries.list_tariffs()) == []
        assert list(tariff_queries.list_tariffs(with_archived=True)) == [tariff]
        assert tariff_queries.get_tariff(tariff.slug, with_archived=True) == tariff
        with pytest.raises(errors.TariffNotFound):
            tariff_queries.get_tariff(tariff.slug)

    def test_archiving_an_archived_one_changes_nothing(self) -> None:
        tariff = TariffFactory.create()
        tariffs.archive(slug=tariff.slug, by=TESTER)
        moved = snapshot()
        tariffs.archive(slug=tariff.slug, by=TESTER)
        assert snapshot() == moved

    def test_refuses_a_tariff_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.TariffNotFound):
            tariffs.archive(slug="nothing", by=TESTER)


class TestIssuedInvoices:
    def test_pay_and_credit_what_they_froze(self) -> None:
        wallet = WalletFactory.create()
        tariff = TariffFactory.create(price=14_900, tokens=50)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff)
        change(tariff, price=99_900, tokens=1, token_validity_days=3, subscription_days=30, name="Another")
        recorded = pay(invoice)
        assert recorded.payment.amount == 14_900
        assert recorded.payment.outcome == "credited"
        assert recorded.invoice.tariff_version == 1
        assert booked(wallet) == (50, 0, 1)
        assert (wallet.next_expiry_at, wallet.subscription_end) == (None, None)

    def test_can_be_paid_after_their_tariff_was_archived(self) -> None:
        wallet = WalletFactory.create()
        invoice = InvoiceFactory.create(wallet=wallet)
        tariffs.archive(slug=invoice.tariff.slug, by=TESTER)
        assert pay(invoice).invoice.status == "paid"
        assert booked(wallet)[0] == 50

    def test_come_at_the_new_price_from_then_on(self) -> None:
        tariff = TariffFactory.create(price=14_900)
        change(tariff, price=9_900)
        invoice = InvoiceFactory.create(tariff=tariff)
        assert (invoice.amount, invoice.tariff_version) == (9_900, 2)


class TestChangesSince:
    def test_name_each_column_once_from_then_to_now(self) -> None:
        tariff = TariffFactory.create(price=14_900, tokens=50)
        change(tariff, seen=1, price=9_900, name="Small")
        change(tariff, seen=2, price=19_900)
        changes = {each.name: each for each in tariff_queries.list_changes_since(tariff.pk, version=1)}
        assert {name: (each.old, each.new) for name, each in changes.items()} == {
            "price": (14_900, 19_900),
            "name": (tariff.name, "Small"),
        }
        assert {each.who for each in changes.values()} == {"tests"}
        (price,) = tariff_queries.list_changes_since(tariff.pk, version=2)
        assert (price.name, price.old, price.new) == ("price", 9_900, 19_900)
        assert tariff_queries.list_changes_since(tariff.pk, version=3) == []

    def test_leave_out_what_was_changed_back(self) -> None:
        tariff = TariffFactory.create(price=14_900)
        change(tariff, seen=1, price=9_900)
        change(tariff, seen=2, price=14_900)
        assert tariff_queries.list_changes_since(tariff.pk, version=1) == []
