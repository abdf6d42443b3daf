"""Promo codes: made, changed, and their uses reserved, applied and released."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F

from audit.models import AuditLog
from billing import errors
from billing.models import Invoice, PromoCode, PromoRedemption, Wallet
from billing.operations import invoices, promo_codes
from billing.owners import Owner
from billing.queries import promo_codes as promo_code_queries
from billing.queries import quotes
from billing.tests.deeds import pay
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory, new_key
from billing.tests.races import lined_up, outcomes, without
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.errors import IdempotencyMismatch, ValidationFailed

pytestmark = pytest.mark.django_db

NEW: dict[str, Any] = {"code": "SPRING", "discount_type": "percent", "discount_value": 10}
WRONG = [
    ({"discount_value": 0}, "discount_value"),
    ({"discount_value": -1}, "discount_value"),
    ({"discount_value": 12.5}, "discount_value"),
    ({"discount_value": 101}, "__all__"),
    ({"discount_type": "half"}, "discount_type"),
    ({"currency": "RUB"}, "__all__"),
    ({"discount_type": "fixed", "discount_value": 100}, "__all__"),
    ({"discount_type": "fixed", "discount_value": 100, "currency": "DOGE"}, "currency"),
    ({"discount_type": "bonus_tokens", "discount_value": 5, "currency": "RUB"}, "__all__"),
    ({"max_uses": 0}, "max_uses"),
    ({"max_uses": -1}, "max_uses"),
    ({"uses_count": 3}, "uses_count"),
    ({"colour": "red"}, "colour"),
]


def order(wallet: Wallet, code: str, *, tariff: str, key: str | None = None) -> Invoice:
    return invoices.create(
        owner=Owner.wallet(wallet.pk), tariff=tariff, promo_code=code, key=key or new_key(), by=TESTER
    ).invoice


def uses(code: PromoCode) -> tuple[int, dict[str, int]]:
    """The count that a code keeps, and its redemptions by state."""
    code.refresh_from_db()
    states = list(PromoRedemption.objects.filter(promo_code=code).values_list("state", flat=True))
    return code.uses_count, {state: states.count(state) for state in sorted(set(states))}


class TestCreate:
    def test_stores_a_code_normalised(self) -> None:
        code = promo_codes.create(by=TESTER, **{**NEW, "code": "  spring２6 "})
        assert PromoCode.objects.get().code == "SPRING26"
        assert (code.uses_count, code.max_uses, code.max_uses_per_wallet, code.is_active) == (0, None, 1, True)

    @pytest.mark.parametrize("typed", ["spring", "Spring", " SPRING", "ＳＰＲＩＮＧ"])
    def test_is_found_in_any_letter_case(self, typed: str) -> None:
        code = promo_codes.create(by=TESTER, **NEW)
        assert promo_code_queries.get_promo_code(typed) == quotes.get_valid_promo_code(typed) == code

    @pytest.mark.parametrize("typed", ["SPRING", "spring", " Spring "])
    def test_refuses_a_code_that_exists_in_any_letter_case(self, unmoved: Unmoved, typed: str) -> None:
        promo_codes.create(by=TESTER, **NEW)
        with unmoved(errors.PromoCodeTaken) as refusal:
            promo_codes.create(by=TESTER, **{**NEW, "code": typed})
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_taken", 409)

    @pytest.mark.parametrize("code", ["", "   ", "two words", "50%", "x" * 65])
    def test_refuses_what_is_no_code(self, unmoved: Unmoved, code: str) -> None:
        with unmoved(ValidationFailed) as refusal:
            promo_codes.create(by=TESTER, **{**NEW, "code": code})
        assert "code" in refusal.value.fields

    @pytest.mark.parametrize(("wrong", "field"), WRONG)
    def test_refuses_what_makes_no_sense_and_names_the_field(
        self, unmoved: Unmoved, wrong: dict[str, Any], field: str
    ) -> None:
        with unmoved(ValidationFailed) as refusal:
            promo_codes.create(by=TESTER, **{**NEW, **wrong})
        assert list(refusal.value.fields) == [field]

    def test_refuses_an_end_before_the_beginning(self, unmoved: Unmoved) -> None:
        moment = database_clock.now()
        with unmoved(ValidationFailed):
            promo_codes.create(by=TESTER, **NEW, valid_from=moment, valid_until=moment - timedelta(days=1))

    def test_is_for_a_tariff_by_its_slug(self) -> None:
        tariff = TariffFactory.create()
        assert promo_codes.create(by=TESTER, **NEW, tariff=tariff.slug).tariff == tariff

    def test_refuses_a_tariff_that_is_not_there(self, unmoved: Unmoved) -> None:
        with unmoved(errors.TariffNotFound):
            promo_codes.create(by=TESTER, **NEW, tariff="nothing")

    @pytest.mark.django_db(transaction=True)
    def test_one_of_many_makes_a_code_that_all_want(self) -> None:
        ran = outcomes(*[lambda: promo_codes.create(by=TESTER, **NEW)] * 6)
        assert (len(ran.results), ran.codes) == (1, {"billing.promo_code_taken": 5})


class TestCreateBatch:
    def test_makes_many_random_codes_after_a_prefix(self) -> None:
        made = promo_codes.create_batch(
            key=new_key(), count=50, prefix="spring-", discount_type="percent", discount_value=10, max_uses=1, by=TESTER
        )
        codes = set(PromoCode.objects.values_list("code", flat=True))
        assert len(codes) == len(made) == 50
        assert all(re.fullmatch(r"SPRING-[2-9A-Z]{8}", code) for code in codes)
        assert set(PromoCode.objects.values_list("discount_value", "max_uses")) == {(10, 1)}

    def test_is_one_deed_in_the_audit_log(self) -> None:
        promo_codes.create_batch(
            key=new_key(), count=3, prefix="a-", discount_type="percent", discount_value=10, by=TESTER
        )
        deed = AuditLog.objects.get(action="billing.promo_code.batch_created")
        assert (deed.metadata["count"], deed.metadata["prefix"]) == (3, "A-")

    @pytest.mark.django_db(transaction=True)
    def test_makes_one_batch_for_all_who_come_with_one_key(self) -> None:
        asked: dict[str, Any] = {"count": 5, "discount_type": "percent", "discount_value": 10, "key": new_key()}
        ran = outcomes(*[lambda: promo_codes.create_batch(by=TESTER, **asked)] * 6)
        assert ran.refusals == []
        assert {tuple(each.code for each in made) for made in ran.results} == {
            tuple(PromoCode.objects.order_by("code").values_list("code", flat=True))
        }
        assert PromoCode.objects.count() == 5

    def test_refuses_a_key_of_another_batch(self, unmoved: Unmoved) -> None:
        key = new_key()
        promo_codes.create_batch(count=3, key=key, discount_type="percent", discount_value=10, by=TESTER)
        with unmoved(IdempotencyMismatch):
            promo_codes.create_batch(count=3, key=key, discount_type="percent", discount_value=11, by=TESTER)

    @pytest.mark.parametrize("count", [0, -1, 1_001])
    def test_refuses_too_few_and_too_many(self, unmoved: Unmoved, count: int) -> None:
        with unmoved(ValidationFailed) as refusal:
            promo_codes.create_batch(key=new_key(), count=count, discount_type="percent", discount_value=10, by=TESTER)
        assert list(refusal.value.fields) == ["count"]

    def test_makes_a_thousand(self) -> None:
        promo_codes.create_batch(key=new_key(), count=1_000, discount_type="percent", discount_value=10, by=TESTER)
        assert PromoCode.objects.count() == 1_000

    @pytest.mark.parametrize(("wrong", "field"), WRONG[:5])
    def test_refuses_what_makes_no_sense(self, unmoved: Unmoved, wrong: dict[str, Any], field: str) -> None:
        with unmoved(ValidationFailed) as refusal:
            promo_codes.create_batch(
                key=new_key(), count=3, by=TESTER, **{"discount_type": "percent", "discount_value": 10, **wrong}
            )
        assert list(refusal.value.fields) == [field]

    @pytest.mark.parametrize("prefix", ["two words ", "%", "x" * 60])
    def test_refuses_a_prefix_that_is_part_of_no_code(self, unmoved: Unmoved, prefix: str) -> None:
        with unmoved(ValidationFailed) as refusal:
            promo_codes.create_batch(
                key=new_key(), count=3, prefix=prefix, discount_type="percent", discount_value=10, by=TESTER
            )
        assert list(refusal.value.fields) == ["code"]


class TestChange:
    def test_changes_a_code_and_leaves_the_rest(self) -> None:
        promo_codes.create(by=TESTER, **NEW, max_uses=5)
        changed = promo_codes.change(code="spring", by=TESTER, discount_value=20)
        assert (changed.discount_value, changed.max_uses) == (20, 5)
        row = AuditLog.objects.filter(entity_id=str(changed.pk)).latest("pk")
        assert row.old_value is not None
        assert row.new_value is not None
        assert (row.old_value["discount_value"], row.new_value["discount_value"]) == (10, 20)

    def test_invoices_keep_what_they_froze(self) -> None:
        code = PromoCodeFactory.create(discount_value=10)
        invoice = InvoiceFactory.create(promo_code=code)
        promo_codes.change(code=code.code, by=TESTER, discount_value=90)
        promo_codes.switch_off(code=code.code, by=TESTER)
        assert pay(invoice).payment.outcome == "credited"
        invoice.refresh_from_db()
        assert (invoice.discount_amount, invoice.amount) == (1_490, 13_410)
        assert uses(code) == (1, {"applied": 1})

    def test_refuses_a_cap_below_the_uses_that_are_taken(self, unmoved: Unmoved) -> None:
        code = PromoCodeFactory.create()
        for _number in range(2):
            InvoiceFactory.create(promo_code=code)
        with unmoved(ValidationFailed):
            promo_codes.change(code=code.code, by=TESTER, max_uses=1)

    @pytest.mark.parametrize(("wrong", "field"), WRONG)
    def test_refuses_what_makes_no_sense(self, unmoved: Unmoved, wrong: dict[str, Any], field: str) -> None:
        promo_codes.create(by=TESTER, **NEW)
        with unmoved(ValidationFailed) as refusal:
            promo_codes.change(code="SPRING", by=TESTER, **wrong)
        assert list(refusal.value.fields) == [field]

    @pytest.mark.parametrize("deed", [promo_codes.change, promo_codes.switch_off])
    def test_refuses_a_code_that_is_not_there(self, unmoved: Unmoved, deed: Callable[..., PromoCode]) -> None:
        with unmoved(errors.PromoCodeNotValid) as refusal:
            deed(code="NOTHING", by=TESTER)
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_not_valid", 404)

    def test_switching_off_twice_changes_nothing_but_when(self) -> None:
        code = PromoCodeFactory.create()
        assert not promo_codes.switch_off(code=code.code, by=TESTER).is_active
        rows = AuditLog.objects.count()
        assert not promo_codes.switch_off(code=code.code, by=TESTER).is_active
        assert AuditLog.objects.count() == rows


class TestReserve:
    def test_is_made_with_the_invoice(self) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        invoice = InvoiceFactory.create(promo_code=code)
        redemption = PromoRedemption.objects.get()
        assert (redemption.invoice_id, redemption.wallet_id) == (invoice.pk, invoice.wallet_id)
        assert uses(code) == (1, {"reserved": 1})

    def test_a_replayed_invoice_takes_no_second_use(self) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(), PromoCodeFactory.create()
        for _time in range(2):
            order(wallet, code.code, tariff=tariff.slug, key="mine")
        assert uses(code) == (1, {"reserved": 1})

    def test_refuses_a_code_that_is_used_up(self, unmoved: Unmoved) -> None:
        code, tariff, wallet = PromoCodeFactory.create(max_uses=1), TariffFactory.create(), WalletFactory.create()
        InvoiceFactory.create(promo_code=code)
        with unmoved(errors.PromoCodeExhausted) as refusal:
            order(wallet, code.code, tariff=tariff.slug)
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_exhausted", 409)

    def test_refuses_a_second_use_by_one_customer(self, unmoved: Unmoved) -> None:
        code, tariff, wallet = PromoCodeFactory.create(), TariffFactory.create(), WalletFactory.create()
        order(wallet, code.code, tariff=tariff.slug)
        with unmoved(errors.PromoCodeAlreadyUsed) as refusal:
            order(wallet, code.code, tariff=tariff.slug)
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_already_used", 409)

    def test_gives_each_customer_their_share(self) -> None:
        code, tariff = PromoCodeFactory.create(max_uses_per_wallet=2), TariffFactory.create()
        for wallet in (WalletFactory.create(), WalletFactory.create()):
            for _time in range(2):
                order(wallet, code.code, tariff=tariff.slug)
            with pytest.raises(errors.PromoCodeAlreadyUsed):
                quotes.get_quote(wallet=wallet, tariff=tariff, promo_code=code)
        assert uses(code) == (4, {"reserved": 4})

    @pytest.mark.parametrize(("column", "hours"), [("is_active", None), ("valid_until", -1), ("valid_from", 1)])
    def test_decides_again_by_what_the_row_says_now(self, unmoved: Unmoved, column: str, hours: int | None) -> None:
        """A code that ended between the quote and the reservation reserves nothing."""
        code, invoice = PromoCodeFactory.create(), InvoiceFactory.create()
        value = False if hours is None else database_clock.now() + timedelta(hours=hours)
        PromoCode.objects.filter(pk=code.pk).update(**{column: value})
        with unmoved(errors.PromoCodeNotValid):
            promo_codes.reserve(promo_code=code, invoice=invoice, by=TESTER)


class TestRelease:
    def test_a_cancelled_invoice_gives_its_use_back_once(self) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        invoice = InvoiceFactory.create(promo_code=code)
        for _time in range(2):
            invoices.cancel(invoice_id=invoice.pk, by=TESTER)
        assert uses(code) == (0, {"released": 1})
        assert promo_codes.release(invoice_id=invoice.pk, by=TESTER) is False
        InvoiceFactory.create(promo_code=code)
        assert uses(code) == (1, {"released": 1, "reserved": 1})

    def test_an_expired_invoice_gives_its_use_back_to_the_same_customer(self, clock: TestClock) -> None:
        code, tariff, wallet = PromoCodeFactory.create(max_uses=1), TariffFactory.create(), WalletFactory.create()
        order(wallet, code.code, tariff=tariff.slug)
        clock.advance(days=2)
        assert invoices.sweep(by=TESTER) == 1
        assert uses(code) == (0, {"released": 1})
        order(wallet, code.code, tariff=tariff.slug)
        assert uses(code) == (1, {"released": 1, "reserved": 1})

    def test_a_paid_invoice_keeps_its_use(self, clock: TestClock) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        pay(InvoiceFactory.create(promo_code=code))
        clock.advance(days=2)
        assert invoices.sweep(by=TESTER) == 0
        assert uses(code) == (1, {"applied": 1})

    def test_an_invoice_without_a_code_has_none_to_give_back(self) -> None:
        invoice = InvoiceFactory.create()
        moved = snapshot()
        assert promo_codes.release(invoice_id=invoice.pk, by=TESTER) is False
        assert snapshot() == moved

    def test_a_late_payment_honours_the_quote_and_takes_no_use(self, clock: TestClock) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        invoice = InvoiceFactory.create(promo_code=code)
        clock.advance(days=2)
        invoices.sweep(by=TESTER)
        recorded = pay(invoice)
        assert recorded.payment.outcome == "credited"
        assert recorded.payment.amount == 13_410
        assert uses(code) == (0, {"released": 1})
        assert AuditLog.objects.get(action="billing.promo_code.honoured_late").entity_id == str(invoice.pk)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_a_code_with_ten_uses_gives_exactly_ten_to_fifty_customers(self) -> None:
        code, tariff = PromoCodeFactory.create(max_uses=10), TariffFactory.create()
        wallets = [WalletFactory.create() for _number in range(50)]

        def buys(wallet: Wallet) -> Callable[[], Invoice]:
            return lambda: order(wallet, code.code, tariff=tariff.slug)

        ran = outcomes(*[buys(wallet) for wallet in wallets])
        assert (len(ran.results), ran.codes) == (10, {"billing.promo_code_exhausted": 40})
        assert uses(code) == (10, {"reserved": 10})
        assert Invoice.objects.count() == 10

    def test_is_decided_after_the_lock(self) -> None:
        """All have been quoted before the first may reserve, so that each finds uses that others have taken."""
        code, tariff = PromoCodeFactory.create(max_uses=2), TariffFactory.create()
        wallets = [WalletFactory.create() for _number in range(6)]

        def buys(wallet: Wallet) -> Callable[[], Invoice]:
            return lambda: order(wallet, code.code, tariff=tariff.slug)

        ran = lined_up(code, *[buys(wallet) for wallet in wallets])
        assert (len(ran.results), ran.codes) == (2, {"billing.promo_code_exhausted": 4})
        assert uses(code) == (2, {"reserved": 2})

    def test_one_customer_gets_one_use_however_often_they_press(self) -> None:
        code, tariff, wallet = PromoCodeFactory.create(), TariffFactory.create(), WalletFactory.create()
        ran = lined_up(wallet, *[lambda: order(wallet, code.code, tariff=tariff.slug)] * 6)
        assert (len(ran.results), ran.codes) == (1, {"billing.promo_code_already_used": 5})
        assert uses(code) == (1, {"reserved": 1})

    def test_expired_invoices_give_their_uses_back_once_when_sweepers_race(self, clock: TestClock) -> None:
        code = PromoCodeFactory.create(max_uses=5)
        for _number in range(5):
            InvoiceFactory.create(promo_code=code)
        clock.advance(days=2)
        ran = outcomes(*[lambda: invoices.sweep(by=TESTER)] * 4)
        assert sum(ran.results) == 5
        assert uses(code) == (0, {"released": 5})

    def test_an_invoice_is_paid_or_expires_and_its_use_follows(self, clock: TestClock) -> None:
        """A payment that comes late is honoured, so that both succeed; the use is applied or released, once."""
        for _time in range(5):
            code = PromoCodeFactory.create(max_uses=1)
            invoice = InvoiceFactory.create(promo_code=code)
            clock.advance(days=2)
            deeds: list[Callable[[], object]] = [
                lambda: pay(invoice),  # noqa: B023  runs before the loop goes on
                lambda: invoices.expire(invoice_id=invoice.pk, by=TESTER),  # noqa: B023  likewise
            ]
            assert outcomes(*deeds).refusals == []
            invoice.refresh_from_db()
            assert invoice.status == "paid"
            assert uses(code) in [(1, {"applied": 1}), (0, {"released": 1})]

    def test_the_database_refuses_a_use_over_the_cap(self) -> None:
        code = PromoCodeFactory.create(max_uses=1)
        ran = lined_up(code, *[count_later(code)] * 3)
        assert sorted(ran.results) == [False, False, True]

    def test_a_writer_who_read_first_overuses_a_code_without_that_wall(self) -> None:
        with without("billing_promocode", "billing_promocode_is_not_overused"):
            code = PromoCodeFactory.create(max_uses=1)
            ran = lined_up(code, *[count_later(code)] * 3)
            assert ran.results == [True] * 3
            assert uses(code)[0] == 3


def count_later(code: PromoCode) -> Callable[[], bool]:
    """A writer who decides by the count that was read before, as nobody in the house may."""

    def run() -> bool:
        assert code.max_uses is not None
        if code.uses_count >= code.max_uses:
            return False
        try:
            PromoCode.objects.filter(pk=code.pk).update(uses_count=F("uses_count") + 1)
        except IntegrityError:
            return False
        return True

    return run
