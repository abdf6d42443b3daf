"""What the database itself refuses about tariffs, and how it counts their versions."""

from __future__ import annotations

from typing import Final

import pytest

from billing.models import Tariff
from billing.tests.factories import TariffFactory
from core.ids import uuid7
from core.tests.guards import SOME_MOMENT, Case, Change, Copy, GuardTests, Rows, execute, switch_off
from core.tests.made_once import made_once


def changed(**values: object) -> Change:
    return Change("tariff", values)


MONTHLY: Final = {"period_kind": "calendar_month", "period_months": 1, "subscription_days": 30}

CASES: Final = [
    Case("billing_tariff_price_is_positive", changed(price=0), changed(price=1)),
    Case("billing_tariff_price_in_stars_is_positive", changed(price_stars=0), changed(price_stars=1)),
    Case("billing_tariff_price_in_stars_is_positive", changed(price_stars=-1), changed(price_stars=None)),
    # Stars are a second price, never the first.
    Case("billing_tariff_currency_is_known", changed(currency="XTR"), changed(currency="USD")),
    Case("billing_tariff_currency_is_known", changed(currency="rub"), changed(currency="RUB")),
    Case(
        "billing_tariff_tokens_are_not_negative",
        changed(tokens=-1, subscription_days=1),
        changed(tokens=0, subscription_days=1),
    ),
    Case("billing_tariff_sells_something", changed(tokens=0), changed(tokens=0, subscription_days=1)),
    Case("billing_tariff_tokens_live_at_least_a_day", changed(token_validity_days=0), changed(token_validity_days=1)),
    Case(
        "billing_tariff_token_validity_days_check",
        changed(token_validity_days=-1),
        changed(token_validity_days=None),
        behind=("billing_tariff_tokens_live_at_least_a_day",),
    ),
    Case("billing_tariff_audience_is_known", changed(audience="pets"), changed(audience="company")),
    Case("billing_tariff_subscription_days_check", changed(subscription_days=-1), changed(subscription_days=0)),
    *(
        Case("billing_tariff_months_fit_its_kind_of_period", changed(**values), changed(**neighbour))
        for values, neighbour in (
            ({"period_kind": "weeks"}, {"period_kind": "days"}),
            ({"period_months": 1}, {"period_months": 0}),
            ({"period_kind": "calendar_month", "subscription_days": 30}, MONTHLY),
            ({**MONTHLY, "period_months": 1_201}, {**MONTHLY, "period_months": 1_200}),
            ({**MONTHLY, "subscription_days": 0}, MONTHLY),
        )
    ),
    Case(
        "billing_tariff_period_months_check",
        changed(period_months=-1),
        changed(period_months=0),
        in_front=("billing_tariff_months_fit_its_kind_of_period",),
    ),
    Case("billing_tariff_change_policy_is_known", changed(change_policy="swap"), changed(change_policy="convert")),
    Case("billing_tariff_grace_is_at_most_a_year", changed(grace_days=366), changed(grace_days=365)),
    Case("billing_tariff_grace_days_check", changed(grace_days=-1), changed(grace_days=0)),
    Case("billing_tariff_trial_days_check", changed(trial_days=-1), changed(trial_days=0)),
    Case(
        "billing_tariff_version_check",
        Copy("tariff", {"id": uuid7(), "slug": "new", "version": -1}),
        Copy("tariff", {"id": uuid7(), "slug": "new"}),
    ),
    Case(
        "billing_tariff_slug_key",
        Copy("tariff", {"id": uuid7()}),
        Copy("tariff", {"id": uuid7(), "slug": "new"}),
    ),
]


@made_once
def rows() -> Rows:
    return {"tariff": TariffFactory.create()}


@pytest.mark.parametrize("case", CASES, ids=str)
class TestTariff(GuardTests):
    pass


@pytest.mark.django_db
class TestVersion:
    """``billing_tariff_counts_its_version``, whoever writes and however."""

    def _version(self, rows: Rows) -> int:
        return Tariff.objects.values_list("version", flat=True).get(pk=rows["tariff"].pk)

    @pytest.mark.parametrize(
        "values",
        [{"price": 1}, {"tokens": 51}, {"is_active": False}, {"name": "Other"}, {"sort_order": 9}],
        ids=str,
    )
    def test_grows_by_one_with_each_change(self, rows: Rows, values: dict[str, object]) -> None:
        changed(**values).run(rows)
        assert self._version(rows) == 2

    @pytest.mark.parametrize("values", [{"version": 7}, {"version": 0}, {"updated_at": SOME_MOMENT}], ids=str)
    def test_stays_where_nothing_that_is_sold_changes(self, rows: Rows, values: dict[str, object]) -> None:
        changed(**values).run(rows)
        assert self._version(rows) == 1

    def test_cannot_be_set_beside_a_change(self, rows: Rows) -> None:
        changed(price=1, version=1).run(rows)
        assert self._version(rows) == 2

    @pytest.mark.usefixtures("as_the_owner")
    def test_would_stay_without_billing_tariff_counts_its_version(self, rows: Rows) -> None:
        switch_off("billing_tariff", "billing_tariff_counts_its_version")
        changed(price=1).run(rows)
        assert self._version(rows) == 1
        execute("UPDATE billing_tariff SET version = 7")
        assert self._version(rows) == 7
