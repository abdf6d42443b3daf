"""What the database itself refuses about promo codes and their uses."""

from __future__ import annotations

from typing import Final

import pytest

from billing.operations import invoices
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, WalletFactory
from core.ids import uuid7
from core.tests.guards import (
    SOME_MOMENT,
    Case,
    Change,
    Copy,
    Delete,
    GuardTests,
    Id,
    Rows,
    TruncationTests,
)
from core.tests.made_once import made_once

LATER: Final = "2026-02-28T12:00:00Z"


def changed(**values: object) -> Change:
    return Change("code", values)


def kind(discount_type: str, value: int, currency: str = "") -> Change:
    return changed(discount_type=discount_type, discount_value=value, currency=currency)


CODES: Final = [
    Case("billing_promocode_is_not_overused", changed(uses_count=4), changed(uses_count=3)),
    Case("billing_promocode_is_not_overused", changed(uses_count=2, max_uses=1), changed(uses_count=2, max_uses=None)),
    Case(
        "billing_promocode_uses_are_not_negative",
        changed(uses_count=-1),
        changed(uses_count=0),
        behind=("billing_promocode_uses_count_check",),
    ),
    Case(
        "billing_promocode_is_usable_at_least_once",
        changed(max_uses_per_wallet=0),
        changed(max_uses_per_wallet=1),
    ),
    # Columns that Django keeps from going below zero: each says less than a sentence of ours.
    Case(
        "billing_promocode_max_uses_check",
        changed(max_uses=-1),
        changed(max_uses=0),
        in_front=("billing_promocode_is_not_overused",),
    ),
    Case(
        "billing_promocode_max_uses_per_wallet_check",
        changed(max_uses_per_wallet=-1),
        changed(max_uses_per_wallet=0),
        in_front=("billing_promocode_is_usable_at_least_once",),
    ),
    Case(
        "billing_promocode_uses_count_check",
        changed(uses_count=-1),
        changed(uses_count=0),
        in_front=("billing_promocode_uses_are_not_negative",),
    ),
    *(
        Case("billing_promocode_code_is_normalised", changed(code=wrong), changed(code="WELCOME-2"))
        for wrong in ("welcome-2", " WELCOME-2", "WELCOME-2 ", "", "ＷＥＬＣＯＭＥ")
    ),
    Case(
        "billing_promocode_code_key",
        Copy("code", {"id": uuid7()}),
        Copy("code", {"id": uuid7(), "code": "WELCOME-2"}),
    ),
    Case("billing_promocode_value_fits_its_kind", kind("percent", 0), kind("percent", 1)),
    Case("billing_promocode_value_fits_its_kind", kind("percent", 101), kind("percent", 100)),
    Case("billing_promocode_value_fits_its_kind", kind("percent", 10, "RUB"), kind("percent", 10)),
    Case("billing_promocode_value_fits_its_kind", kind("fixed", 100), kind("fixed", 100, "RUB")),
    Case("billing_promocode_value_fits_its_kind", kind("fixed", 0, "RUB"), kind("fixed", 1, "RUB")),
    Case("billing_promocode_value_fits_its_kind", kind("fixed", 1, "ZZZ"), kind("fixed", 1, "XTR")),
    Case("billing_promocode_value_fits_its_kind", kind("bonus_tokens", 0), kind("bonus_tokens", 1)),
    Case("billing_promocode_value_fits_its_kind", kind("bonus_tokens", 5, "RUB"), kind("bonus_tokens", 5)),
    Case("billing_promocode_value_fits_its_kind", kind("present", 5), kind("bonus_tokens", 5)),
    Case(
        "billing_promocode_ends_after_it_begins",
        changed(valid_from=SOME_MOMENT, valid_until=SOME_MOMENT),
        changed(valid_from=SOME_MOMENT, valid_until=LATER),
    ),
    Case(
        "billing_promocode_ends_after_it_begins",
        changed(valid_from=LATER, valid_until=SOME_MOMENT),
        changed(valid_from=LATER, valid_until=None),
    ),
]

RELEASED: Final = {"state": "released", "closed_at": SOME_MOMENT}

REDEMPTIONS: Final = [
    Case(
        "billing_promoredemption_closed_has_a_moment",
        Change("reserved", {"state": "released"}),
        Change("reserved", RELEASED),
    ),
    Case(
        "billing_promoredemption_closed_has_a_moment",
        Change("reserved", {"closed_at": SOME_MOMENT}),
        Change("reserved", {**RELEASED, "state": "applied"}),
    ),
    Case(
        "billing_promoredemption_closed_has_a_moment",
        Change("reserved", {**RELEASED, "state": "forgotten"}),
        Change("reserved", RELEASED),
    ),
    Case(
        "billing_promoredemption_invoice_id_key",
        Copy("reserved", {"id": uuid7()}),
        Copy("reserved", {"id": uuid7(), "invoice_id": Id("other invoice")}),
    ),
    *(
        Case("billing_promoredemption_is_frozen", Change("reserved", values), Change("reserved", RELEASED))
        for values in (
            {"promo_code_id": Id("other code")},
            {"wallet_id": Id("other wallet")},
            {"invoice_id": Id("other invoice")},
            {"created_at": SOME_MOMENT},
        )
    ),
    *(
        Case("billing_promoredemption_is_closed_once", Change("released", values), Change("reserved", RELEASED))
        for values in (
            {"state": "reserved", "closed_at": None},
            {"state": "applied"},
            {"closed_at": SOME_MOMENT},
        )
    ),
    Case("billing_promoredemption_is_never_deleted", Delete("reserved"), Change("reserved", RELEASED)),
]


@made_once
def rows() -> Rows:
    code = PromoCodeFactory.create(code="WELCOME", max_uses=3)
    cancelled = InvoiceFactory.create(promo_code=code)
    invoices.cancel(invoice_id=cancelled.pk, by=TESTER)
    code.refresh_from_db()
    return {
        "code": code,
        "reserved": InvoiceFactory.create(promo_code=code).redemption,
        "released": cancelled.redemption,
        "other code": PromoCodeFactory.create(),
        "other wallet": WalletFactory.create(),
        "other invoice": InvoiceFactory.create(),
    }


@pytest.mark.parametrize("case", CODES, ids=str)
class TestCode(GuardTests):
    pass


@pytest.mark.parametrize("case", REDEMPTIONS, ids=str)
class TestRedemption(GuardTests):
    pass


@pytest.mark.parametrize("guard", ["billing_promoredemption_is_never_truncated"])
class TestTruncation(TruncationTests):
    pass
