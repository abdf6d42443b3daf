"""Tariffs in Admin: prices as people type them, and two operators on one tariff."""

from __future__ import annotations

import pytest

from audit.models import AuditLog
from billing.models import Tariff
from billing.operations import tariffs
from billing.tests.factories import TESTER, TariffFactory
from billing.tests.operators import Operator, errors_of, page_of, told
from billing.tests.snapshots import snapshot

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.mark.parametrize(
    ("typed", "kopecks"),
    [("1 490,50", 149_050), ("149.5", 14_950), ("149 ₽", 14_900), ("1\u00a0499", 149_900), ("99,9 руб.", 9_990)],
)
def test_price_is_read_as_people_type_it(operator: Operator, typed: str, kopecks: int) -> None:
    tariff = TariffFactory.create()

    operator.save(tariff, price=typed)

    tariff.refresh_from_db()
    assert tariff.price == kopecks


@pytest.mark.parametrize(("price", "shown"), [(14_900, "149"), (14_950, "149,50"), (149_900, "1 499")])
def test_form_shows_the_price_as_it_would_be_typed(operator: Operator, price: int, shown: str) -> None:
    tariff = TariffFactory.create(price=price)

    assert operator.filled(operator.page(tariff))["price"] == shown


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("price", "149,999", "RUB has 2 digits after the point"),
        ("price", "-5", "Type an amount"),
        ("price", "a lot", "Type an amount"),
        ("price", "0", "A price is more than nothing."),
        ("price", "", "This field is required."),
        ("price", "9" * 30, "Type an amount"),
        ("currency", "XTR", "Select a valid choice"),
        ("tokens", "-1", "greater than or equal to 0"),
        ("tokens", "1.5", "Enter a whole number"),
        ("token_validity_days", "0", "greater than or equal to 1"),
        ("name", "", "This field is required."),
        ("limit_seats", "-1", "greater than or equal to 0"),
    ],
)
def test_wrong_value_names_its_field_and_rule_and_moves_nothing(
    operator: Operator, field: str, typed: str, rule: str
) -> None:
    tariff = TariffFactory.create()
    before = snapshot()

    said = errors_of(operator.save(tariff, **{field: typed}))

    assert rule in " ".join(said[field])
    assert snapshot() == before


def test_tariff_that_sells_nothing_is_refused(operator: Operator) -> None:
    tariff = TariffFactory.create()
    before = snapshot()

    said = errors_of(operator.save(tariff, tokens="0"))

    assert said["__all__"] == ["A tariff sells tokens, subscription days, or both."]
    assert snapshot() == before


def test_change_is_told_with_its_operator_and_reason(operator: Operator) -> None:
    tariff = TariffFactory.create(price=14_900)

    operator.save(tariff, price="199", reason="a new season")

    record = AuditLog.objects.filter(entity_id=str(tariff.pk)).latest("id")
    assert (record.action, record.user_id) == ("billing.tariff.updated", operator.user.pk)
    assert record.actor["label"] == operator.user.login
    assert (record.old_value, record.new_value) == ({"price": 14_900, "version": 1}, {"price": 19_900, "version": 2})
    assert record.metadata["reason"] == "a new season"
    assert record.metadata["door"] == "admin"


def test_new_tariff_is_put_on_sale(operator: Operator) -> None:
    answer = operator.add(
        Tariff, name="Team", slug="team", price="4 990", tokens="500", audience="company", limit_seats="5"
    )

    assert told(answer)[0][0] == "success"
    team = Tariff.objects.get(slug="team")
    assert (team.price, team.currency, team.tokens, team.limits) == (499_000, "RUB", 500, {"seats": 5})
    created = AuditLog.objects.get(action="billing.tariff.created", entity_id=str(team.pk))
    assert created.user_id == operator.user.pk


def test_taken_code_is_said_beside_it(operator: Operator) -> None:
    TariffFactory.create(slug="start")
    before = snapshot()

    said = errors_of(operator.add(Tariff, name="Start", slug="start", price="149", tokens="5"))

    assert "slug" in said
    assert snapshot() == before


def test_limits_that_the_form_does_not_know_are_kept(operator: Operator) -> None:
    tariff = TariffFactory.create(limits={"seats": 5, "bots": 2})

    operator.save(tariff, limit_seats="7", limit_projects="3")

    tariff.refresh_from_db()
    assert tariff.limits == {"bots": 2, "seats": 7, "projects": 3}


class TestTwoOperators:
    """Both open the form; the second is told, and decides."""

    @pytest.fixture
    def tariff(self) -> Tariff:
        return TariffFactory.create(price=14_900, name="Start")

    def test_second_is_told_what_changed_and_by_whom(self, operator: Operator, tariff: Tariff) -> None:
        other = Operator()
        opened = operator.filled(operator.page(tariff))
        other.save(tariff, price="129")
        other.save(tariff, price="99", name="Starter")
        before = snapshot()

        answer = operator.resend(page_of(tariff), {**opened, "price": "199"})

        assert errors_of(answer)["__all__"] == ["The tariff has changed since you opened it."]
        told_of = {each["name"]: (each["old"], each["new"], each["who"]) for each in answer.context["changes_since"]}
        assert told_of == {
            "price": ("149\u00a0₽", "99\u00a0₽", other.user.login),
            "name": ("Start", "Starter", other.user.login),
        }
        assert "Save mine over it" in answer.content.decode()
        assert snapshot() == before

    def test_what_the_second_typed_stays_in_the_form(self, operator: Operator, tariff: Tariff) -> None:
        opened = operator.filled(operator.page(tariff))
        tariffs.change(slug=tariff.slug, seen_version=1, price=9_900, by=TESTER)

        answer = operator.resend(page_of(tariff), {**opened, "price": "199"})

        assert 'name="price" value="199"' in answer.content.decode()

    def test_second_may_overrule_what_was_shown(self, operator: Operator, tariff: Tariff) -> None:
        opened = operator.filled(operator.page(tariff))
        tariffs.change(slug=tariff.slug, seen_version=1, price=9_900, by=TESTER)
        shown = operator.resend(page_of(tariff), {**opened, "price": "199"}).context["present_version"]

        answer = operator.resend(page_of(tariff), {**opened, "price": "199", "_overrule": shown})

        assert told(answer)[0][0] == "success"
        tariff.refresh_from_db()
        assert tariff.price == 19_900

    def test_overruling_is_refused_once_somebody_changed_it_again(self, operator: Operator, tariff: Tariff) -> None:
        opened = operator.filled(operator.page(tariff))
        tariffs.change(slug=tariff.slug, seen_version=1, price=9_900, by=TESTER)
        shown = operator.resend(page_of(tariff), {**opened, "price": "199"}).context["present_version"]
        tariffs.change(slug=tariff.slug, seen_version=2, price=8_800, by=TESTER)

        answer = operator.resend(page_of(tariff), {**opened, "price": "199", "_overrule": shown})

        assert [each["old"] for each in answer.context["changes_since"]] == ["99\u00a0₽"]
        tariff.refresh_from_db()
        assert tariff.price == 8_800

    def test_form_without_a_version_is_refused(self, operator: Operator, tariff: Tariff) -> None:
        opened = operator.filled(operator.page(tariff))
        before = snapshot()

        answer = operator.resend(page_of(tariff), {**opened, "seen_version": None, "price": "199"})

        assert errors_of(answer)["__all__"] == ["The tariff has changed since you opened it."]
        assert snapshot() == before

    def test_saved_again_without_a_change_between_is_not_refused(self, operator: Operator, tariff: Tariff) -> None:
        operator.save(tariff, price="129")
        operator.save(tariff, price="139")

        tariff.refresh_from_db()
        assert (tariff.price, tariff.version) == (13_900, 3)


def test_archiving_needs_a_reason(operator: Operator) -> None:
    tariff = TariffFactory.create()
    before = snapshot()

    assert "reason" in errors_of(operator.do(tariff, "archive", reason="  "))
    assert snapshot() == before


def test_archived_tariff_is_off_sale_and_told_why(operator: Operator) -> None:
    tariff = TariffFactory.create()

    assert told(operator.do(tariff, "archive", reason="replaced")) == [("success", "The tariff is off sale.")]

    tariff.refresh_from_db()
    assert not tariff.is_active
    record = AuditLog.objects.filter(entity_id=str(tariff.pk)).latest("id")
    assert (record.new_value, record.metadata["reason"]) == ({"is_active": False, "version": 2}, "replaced")
    assert record.user_id == operator.user.pk
