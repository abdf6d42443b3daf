"""What a customer would pay, and why not: reads only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override

from billing import errors
from billing.models import PromoCode, Tariff, Wallet
from billing.operations import promo_codes, tariffs
from billing.owners import Owner
from billing.queries import quotes
from billing.queries.promo_codes import why_not_valid
from billing.rules.pricing import Price
from billing.tests.factories import (
    TESTER,
    InvoiceFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    company_wallet,
)
from billing.tests.snapshots import snapshot
from conftest import TestClock
from core import clock as database_clock
from core.ids import uuid7
from core.money import Money

pytestmark = pytest.mark.django_db


def quote(wallet: Wallet, tariff: Tariff, code: PromoCode) -> Price:
    return quotes.get_quote_for(Owner.wallet(wallet.pk), tariff=tariff.slug, promo_code=code.code)


def rub(amount: int) -> Money:
    return Money(amount, "RUB")


class TestPrices:
    @pytest.mark.parametrize(
        ("kind", "value", "discount", "amount"),
        [
            ("percent", 33, 4_917, 9_983),
            ("percent", 50, 7_450, 7_450),
            ("percent", 99, 14_751, 149),
            ("percent", 100, 14_900, 0),
            ("fixed", 5_000, 5_000, 9_900),
            ("fixed", 14_900, 14_900, 0),
            ("fixed", 100_000, 14_900, 0),
        ],
    )
    def test_of_149_roubles(self, kind: str, value: int, discount: int, amount: int) -> None:
        code = PromoCodeFactory.create(
            discount_type=kind, discount_value=value, currency="RUB" if kind == "fixed" else ""
        )
        price = quote(WalletFactory.create(), TariffFactory.create(price=14_900), code)
        assert (price.list_price, price.discount, price.amount) == (rub(14_900), rub(discount), rub(amount))
        assert price.bonus_tokens == 0

    def test_rounds_half_a_kopeck_up(self) -> None:
        code = PromoCodeFactory.create(discount_value=50)
        price = quote(WalletFactory.create(), TariffFactory.create(price=14_901), code)
        assert (price.discount, price.amount) == (rub(7_451), rub(7_450))

    def test_bonus_tokens_never_change_the_price(self) -> None:
        code = PromoCodeFactory.create(discount_type="bonus_tokens", discount_value=7)
        price = quote(WalletFactory.create(), TariffFactory.create(price=14_900), code)
        assert (price.amount, price.discount, price.bonus_tokens) == (rub(14_900), rub(0), 7)

    def test_in_stars_falls_in_the_same_proportion(self) -> None:
        tariff = TariffFactory.create(price=14_900, price_stars=100)
        price = quote(WalletFactory.create(), tariff, PromoCodeFactory.create(discount_value=33))
        assert price.amount_stars == 67

    def test_in_stars_alone(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price=14_900, price_stars=101)
        code = PromoCodeFactory.create(discount_value=50)
        price = quotes.get_quote(wallet=wallet, tariff=tariff, promo_code=code, currency="XTR")
        assert (price.list_price, price.discount, price.amount) == (
            Money(101, "XTR"),
            Money(51, "XTR"),
            Money(50, "XTR"),
        )

    def test_without_a_code_is_the_list_price(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price=14_900)
        for currency in (None, "RUB"):
            price = quotes.get_quote(wallet=wallet, tariff=tariff, currency=currency)
            assert (price.amount, price.discount, price.amount_stars) == (rub(14_900), rub(0), None)

    def test_asking_writes_nothing(self) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(), PromoCodeFactory.create(max_uses=1)
        before = snapshot()
        assert quote(wallet, tariff, code) == quote(wallet, tariff, code)
        assert snapshot() == before


class TestRefusals:
    @pytest.mark.parametrize(("price", "percent", "left"), [(14_900, 100, 0), (10_000, 99, 100)])
    def test_a_price_at_the_minimum_or_free_is_quoted(self, price: int, percent: int, left: int) -> None:
        code = PromoCodeFactory.create(discount_value=percent)
        assert quote(WalletFactory.create(), TariffFactory.create(price=price), code).amount == rub(left)

    def test_a_price_below_what_can_be_paid(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price=9_900)
        with pytest.raises(errors.AmountBelowMinimum) as refusal:
            quote(wallet, tariff, PromoCodeFactory.create(discount_value=99))
        assert (refusal.value.code, refusal.value.status) == ("billing.amount_below_minimum", 409)
        assert refusal.value.data == {
            "amount": {"amount": 99, "currency": "RUB"},
            "minimum": {"amount": 100, "currency": "RUB"},
        }

    def test_a_code_that_changes_nothing(self) -> None:
        """1 % of 40 kopecks is less than half a kopeck."""
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price=40)
        with pytest.raises(errors.PromoCodeWithoutEffect) as refusal:
            quote(wallet, tariff, PromoCodeFactory.create(discount_value=1))
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_without_effect", 409)

    def test_a_fixed_discount_in_another_currency(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price_stars=100)
        code = PromoCodeFactory.create(discount_type="fixed", discount_value=100, currency="USD")
        with pytest.raises(errors.PromoCodeCurrencyMismatch):
            quote(wallet, tariff, code)

    def test_a_fixed_discount_in_roubles_on_a_price_in_stars(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price_stars=100)
        code = PromoCodeFactory.create(discount_type="fixed", discount_value=100, currency="RUB")
        with pytest.raises(errors.PromoCodeCurrencyMismatch) as refusal:
            quotes.get_quote(wallet=wallet, tariff=tariff, promo_code=code, currency="XTR")
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_currency_mismatch", 409)

    @pytest.mark.parametrize(("price_stars", "currency"), [(None, "XTR"), (100, "USD")])
    def test_a_currency_that_the_tariff_is_not_sold_in(self, price_stars: int | None, currency: str) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create(price_stars=price_stars)
        with pytest.raises(errors.CurrencyNotOffered) as refusal:
            quotes.get_quote(wallet=wallet, tariff=tariff, currency=currency)
        assert list(refusal.value.fields) == ["currency"]
        assert (refusal.value.code, refusal.value.status) == ("billing.currency_not_offered", 409)

    def test_a_code_for_another_tariff(self) -> None:
        wallet, mine, other = WalletFactory.create(), TariffFactory.create(), TariffFactory.create()
        code = PromoCodeFactory.create(tariff=mine)
        assert quote(wallet, mine, code).discount == rub(1_490)
        with pytest.raises(errors.PromoCodeNotForTariff) as refusal:
            quote(wallet, other, code)
        assert (refusal.value.code, refusal.value.status) == ("billing.promo_code_not_for_tariff", 409)

    def test_a_code_that_is_used_up_or_was_used_by_this_customer(self) -> None:
        wallet, tariff = WalletFactory.create(), TariffFactory.create()
        code = PromoCodeFactory.create(max_uses=1)
        InvoiceFactory.create(wallet=wallet, promo_code=code)
        with pytest.raises(errors.PromoCodeExhausted):
            quote(WalletFactory.create(), tariff, code)
        promo_codes.change(code=code.code, max_uses=9, by=TESTER)
        with pytest.raises(errors.PromoCodeAlreadyUsed):
            quote(wallet, tariff, code)

    def test_a_tariff_that_is_archived_or_not_there(self) -> None:
        wallet, tariff, code = WalletFactory.create(), TariffFactory.create(), PromoCodeFactory.create()
        tariffs.archive(slug=tariff.slug, by=TESTER)
        with pytest.raises(errors.TariffNotOnSale) as refusal:
            quote(wallet, tariff, code)
        assert (refusal.value.code, refusal.value.status) == ("billing.tariff_not_on_sale", 409)
        with pytest.raises(errors.TariffNotFound):
            quotes.get_quote_for(Owner.wallet(wallet.pk), tariff="nothing", promo_code=code.code)

    def test_a_tariff_for_another_kind_of_customer(self) -> None:
        person, company, code = WalletFactory.create(), company_wallet(), PromoCodeFactory.create()
        for_people, for_companies = TariffFactory.create(), TariffFactory.create(audience="company")
        assert quote(person, for_people, code)
        assert quote(company, for_companies, code)
        for wallet, tariff in ((person, for_companies), (company, for_people)):
            with pytest.raises(errors.TariffNotForOwner) as refusal:
                quote(wallet, tariff, code)
            assert (refusal.value.code, refusal.value.status) == ("billing.tariff_not_for_owner", 409)

    def test_a_customer_who_is_not_there(self) -> None:
        tariff, code = TariffFactory.create(), PromoCodeFactory.create()
        with pytest.raises(errors.WalletNotFound):
            quotes.get_quote_for(Owner.user(uuid7()), tariff=tariff.slug, promo_code=code.code)


class TestValidity:
    def test_unknown_ended_and_switched_off_codes_are_answered_alike(self, clock: TestClock) -> None:
        moment = database_clock.now()
        ended = PromoCodeFactory.create(valid_until=moment + timedelta(days=1))
        coming = PromoCodeFactory.create(valid_from=moment + timedelta(days=9))
        off = PromoCodeFactory.create(is_active=False)
        clock.advance(days=1)
        answers: list[dict[str, Any]] = []
        for code in (ended.code, coming.code, off.code, "UNKNOWN"):
            with pytest.raises(errors.PromoCodeNotValid) as refusal:
                quotes.get_valid_promo_code(code)
            answers.append({"said": str(refusal.value), "data": refusal.value.data, "fields": refusal.value.fields})
        assert answers == [answers[0]] * 4

    def test_begins_and_ends_by_the_databases_clock(self, clock: TestClock) -> None:
        moment = database_clock.now()
        code = PromoCodeFactory.create(valid_from=moment + timedelta(days=1), valid_until=moment + timedelta(days=2))
        found = []
        for _half_day in range(5):
            try:
                found.append(quotes.get_valid_promo_code(code.code) == code)
            except errors.PromoCodeNotValid:
                found.append(False)
            clock.advance(hours=12)
        assert found == [False, False, True, True, False]


class TestWhyNotValid:
    def test_tells_staff_what_callers_are_not_told(self, clock: TestClock) -> None:
        moment = database_clock.now()
        ended = PromoCodeFactory.create(valid_until=moment + timedelta(days=1))
        coming = PromoCodeFactory.create(valid_from=moment + timedelta(days=9))
        off, sound = PromoCodeFactory.create(is_active=False), PromoCodeFactory.create()
        clock.advance(days=1)
        with override("en"):
            told = [why_not_valid(code) for code in (None, ended, coming, off, sound)]
        assert told == [
            "There is no such code.",
            "The code has ended.",
            "The code is not valid yet.",
            "The code is switched off.",
            "",
        ]
