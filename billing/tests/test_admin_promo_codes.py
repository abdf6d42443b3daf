"""Promo codes in Admin: made singly and in batches, followed in use, tried out."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.db.models import Model
from django.urls import reverse

from accounts.tests.factories import UserFactory
from audit.models import AuditLog
from billing.models import PromoCode
from billing.operations import promo_codes
from billing.tests.factories import TESTER, InvoiceFactory, PromoCodeFactory, TariffFactory, WalletFactory
from billing.tests.operators import Answer, Operator, errors_of, told
from billing.tests.snapshots import snapshot
from core import clock

# Transactions are real: what a refusal leaves behind is seen.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.mark.parametrize(
    ("kind", "typed", "currency", "stored"),
    [
        ("percent", "33", "", (33, "")),
        ("percent", "33 %", "RUB", (33, "")),
        ("fixed", "1 000", "RUB", (100_000, "RUB")),
        ("fixed", "99,50", "RUB", (9_950, "RUB")),
        ("fixed", "50", "XTR", (50, "XTR")),
        ("bonus_tokens", "1 000", "", (1_000, "")),
    ],
)
def test_value_is_read_as_its_kind_wants(
    operator: Operator, kind: str, typed: str, currency: str, stored: tuple[int, str]
) -> None:
    answer = operator.add(PromoCode, code="spring", discount_type=kind, value=typed, currency=currency)

    assert told(answer)[0][0] == "success"
    code = PromoCode.objects.get(code="SPRING")
    assert (code.discount_type, code.discount_value, code.currency) == (kind, *stored)
    assert AuditLog.objects.get(action="billing.promocode.created").user_id == operator.user.pk


@pytest.mark.parametrize(
    ("field", "typed", "rule"),
    [
        ("value", "0", "Percents go from 1 to 100."),
        ("value", "101", "Percents go from 1 to 100."),
        ("value", "12,5", "Type a whole number."),
        ("value", "", "This field is required."),
        ("code", "two words", "Letters, digits, - and _ only."),
        ("code", "", "This field is required."),
        ("max_uses", "0", "greater than or equal to 1"),
        ("discount_type", "gift", "Select a valid choice"),
        ("valid_until_0", "tomorrow", "Enter a valid date"),
    ],
)
def test_wrong_value_names_its_field_and_rule_and_moves_nothing(
    operator: Operator, field: str, typed: str, rule: str
) -> None:
    before = snapshot()
    typed_all = {"code": "spring", "discount_type": "percent", "value": "10", "valid_until_1": "12:00"}
    if field != "valid_until_0":
        del typed_all["valid_until_1"]

    said = errors_of(operator.add(PromoCode, **(typed_all | {field: typed})))

    assert rule in " ".join(said[field.removesuffix("_0")])
    assert snapshot() == before


@pytest.mark.parametrize(("typed", "field"), [({"currency": ""}, "currency"), ({"value": "1,999"}, "value")])
def test_amount_needs_its_currency_and_its_digits(operator: Operator, typed: dict[str, str], field: str) -> None:
    before = snapshot()
    filled = {"code": "spring", "discount_type": "fixed", "value": "100", "currency": "RUB"} | typed

    assert field in errors_of(operator.add(PromoCode, **filled))
    assert snapshot() == before


def test_taken_code_is_said_beside_it(operator: Operator) -> None:
    PromoCodeFactory.create(code="SPRING")
    before = snapshot()

    said = errors_of(operator.add(PromoCode, code="spring", discount_type="percent", value="10"))

    assert said["code"] == ["Promo code with this Code already exists."]
    assert snapshot() == before


def test_cap_below_what_is_used_is_refused(operator: Operator) -> None:
    code = PromoCodeFactory.create()
    for _number in range(2):
        InvoiceFactory.create(promo_code=code)
    before = snapshot()

    assert errors_of(operator.save(code, max_uses="1"))["__all__"] == ["More uses than that are taken already."]
    assert snapshot() == before


def test_change_is_told_with_its_operator_and_reason(operator: Operator) -> None:
    code = PromoCodeFactory.create(discount_value=10)

    operator.save(code, value="15", reason="more for spring")

    record = AuditLog.objects.filter(entity_id=str(code.pk)).latest("id")
    assert (record.old_value, record.new_value) == ({"discount_value": 10}, {"discount_value": 15})
    assert (record.user_id, record.metadata["reason"]) == (operator.user.pk, "more for spring")


def test_fixed_value_is_shown_as_it_would_be_typed(operator: Operator) -> None:
    code = PromoCodeFactory.create(discount_type="fixed", discount_value=149_950, currency="RUB")

    assert operator.filled(operator.page(code))["value"] == "1 499,50"


def test_switched_off_with_a_reason(operator: Operator) -> None:
    code = PromoCodeFactory.create()
    before = snapshot()
    assert "reason" in errors_of(operator.do(code, "switch_off"))
    assert snapshot() == before

    assert told(operator.do(code, "switch_off", reason="leaked")) == [("success", "The code is switched off.")]

    code.refresh_from_db()
    assert not code.is_active
    record = AuditLog.objects.filter(entity_id=str(code.pk)).latest("id")
    assert (record.metadata["reason"], record.user_id) == ("leaked", operator.user.pk)


class TestGenerating:
    """A batch of codes."""

    def test_codes_are_made_alike_and_shown(self, operator: Operator) -> None:
        tariff = TariffFactory.create()

        answer = operator.do_to_list(
            PromoCode,
            "generate",
            count="25",
            prefix="spring-",
            discount_type="fixed",
            value="100",
            currency="RUB",
            tariff=str(tariff.pk),
            reason="a campaign",
        )

        codes = answer.context["codes"]
        made = PromoCode.objects.all()
        assert sorted(codes) == sorted(code.code for code in made)
        assert len(codes) == 25
        assert all(code.startswith("SPRING-") for code in codes)
        assert {(code.discount_value, code.currency, code.max_uses, code.tariff_id) for code in made} == {
            (10_000, "RUB", 1, tariff.pk)
        }
        deed = AuditLog.objects.get(action="billing.promo_code.batch_created")
        assert (deed.user_id, deed.metadata["reason"], deed.metadata["count"]) == (operator.user.pk, "a campaign", 25)

    def test_a_form_sent_twice_makes_one_batch(self, operator: Operator) -> None:
        url = reverse("admin:billing_promocode_generate")
        filled = operator.filled(operator.open(url)) | {"count": "3", "discount_type": "percent", "value": "10"}
        first = operator.resend(url, filled).context["codes"]
        assert operator.resend(url, filled).context["codes"] == first
        assert PromoCode.objects.count() == 3

    def test_csv_has_them_all(self, operator: Operator) -> None:
        answer = operator.do_to_list(PromoCode, "generate", count="3", discount_type="percent", value="10")

        found = re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', answer.content.decode())
        assert found is not None
        assert unquote(found[1]).split() == ["code", *answer.context["codes"]]

    @pytest.mark.parametrize(
        ("field", "typed", "rule"),
        [
            ("count", "0", "greater than or equal to 1"),
            ("count", "1001", "less than or equal to 1000"),
            ("prefix", "x" * 33, "at most 32 characters"),
            ("value", "101", "Percents go from 1 to 100."),
            ("max_uses_per_wallet", "0", "greater than or equal to 1"),
        ],
    )
    def test_wrong_value_names_its_field_and_rule_and_moves_nothing(
        self, operator: Operator, field: str, typed: str, rule: str
    ) -> None:
        before = snapshot()
        filled = {"count": "3", "discount_type": "percent", "value": "10", field: typed}

        said = errors_of(operator.do_to_list(PromoCode, "generate", **filled))

        assert rule in " ".join(said[field])
        assert snapshot() == before

    def test_end_before_the_beginning_is_refused(self, operator: Operator) -> None:
        before = snapshot()

        said = errors_of(
            operator.do_to_list(
                PromoCode,
                "generate",
                count="3",
                discount_type="percent",
                value="10",
                valid_from_0="2030-02-01",
                valid_from_1="12:00",
                valid_until_0="2030-01-01",
                valid_until_1="12:00",
            )
        )

        assert said["__all__"] == ["The end must lie after the beginning."]
        assert snapshot() == before

    def test_prefix_that_no_code_may_have_is_refused(self, operator: Operator) -> None:
        before = snapshot()

        said = errors_of(
            operator.do_to_list(
                PromoCode, "generate", count="3", prefix="two words ", discount_type="percent", value="10"
            )
        )

        assert "Letters, digits, - and _ only." in str(said)
        assert snapshot() == before


class TestSimulator:
    """This customer, this tariff, this code."""

    def try_out(self, operator: Operator, customer: Model, tariff: Model, code: str) -> Answer:
        before = snapshot()
        answer = operator.do_to_list(PromoCode, "try_out", customer=str(customer.pk), tariff=str(tariff.pk), code=code)
        assert snapshot() == before, "a simulation moves nothing"
        return answer

    def test_price_is_the_one_that_an_invoice_freezes(self, operator: Operator) -> None:
        wallet = WalletFactory.create()
        tariff = TariffFactory.create(price=14_900, price_stars=85)
        code = PromoCodeFactory.create(discount_value=33)
        assert wallet.user is not None

        simulated = self.try_out(operator, wallet.user, tariff, code.code.lower()).context["simulated"]

        assert (simulated.price.discount.amount, simulated.price.amount.amount) == (4_917, 9_983)
        invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff, promo_code=code)
        assert (invoice.amount, invoice.amount_stars) == (9_983, simulated.price.amount_stars)

    @pytest.mark.parametrize(
        ("case", "code", "inside"),
        [
            ("unknown", "billing.promo_code_not_valid", "There is no such code."),
            ("off", "billing.promo_code_not_valid", "The code is switched off."),
            ("ended", "billing.promo_code_not_valid", "The code has ended."),
            ("early", "billing.promo_code_not_valid", "The code is not valid yet."),
            ("exhausted", "billing.promo_code_exhausted", ""),
            ("another tariff", "billing.promo_code_not_for_tariff", ""),
        ],
    )
    def test_refusal_is_the_apis_and_staff_is_told_more(
        self, operator: Operator, case: str, code: str, inside: str
    ) -> None:
        user, tariff = WalletFactory.create().user, TariffFactory.create()
        assert user is not None
        promo_code = PromoCodeFactory.create(**self._settings(case))
        if case == "off":
            promo_codes.switch_off(code=promo_code.code, by=TESTER)
        if case == "exhausted":
            InvoiceFactory.create(promo_code=promo_code)

        answer = self.try_out(operator, user, tariff, "NOBODY-MADE-IT" if case == "unknown" else promo_code.code)

        simulated = answer.context["simulated"]
        assert (simulated.price, simulated.refusal.code, simulated.inside) == (None, code, inside)
        page = answer.content.decode()
        assert str(simulated.refusal.title) in page
        assert inside in page

    def _settings(self, case: str) -> dict[str, object]:
        match case:
            case "ended":
                return {"valid_until": clock.now() - timedelta(hours=1)}
            case "early":
                return {"valid_from": clock.now() + timedelta(hours=1)}
            case "exhausted":
                return {"max_uses": 1}
            case "another tariff":
                return {"tariff": TariffFactory.create()}
        return {}

    def test_without_a_code_it_is_the_list_price(self, operator: Operator) -> None:
        user = WalletFactory.create().user
        assert user is not None

        simulated = self.try_out(operator, user, TariffFactory.create(), "").context["simulated"]

        assert simulated.price.amount == simulated.price.list_price

    def test_person_without_a_wallet_is_told(self, operator: Operator) -> None:
        simulated = self.try_out(operator, UserFactory.create(), TariffFactory.create(), "").context["simulated"]

        assert simulated.refusal.code == "billing.wallet_not_found"

    def test_nobody_is_an_error_of_the_field(self, operator: Operator) -> None:
        answer = operator.do_to_list(
            PromoCode, "try_out", customer="@nobody", tariff=str(TariffFactory.create().pk), code=""
        )

        assert errors_of(answer)["customer"] == ["Nobody, or more than one, answers to that."]

    def test_codes_page_fills_its_code_in(self, operator: Operator) -> None:
        user = WalletFactory.create().user
        assert user is not None
        tariff = TariffFactory.create()
        code = PromoCodeFactory.create(tariff=tariff)

        answer = operator.do(code, "try_this", customer=str(user.telegram_id))

        simulated = answer.context["simulated"]
        assert (simulated.code, simulated.tariff) == (code.code, tariff)
        assert simulated.price.amount.amount == 13_410


def test_page_shows_its_uses(operator: Operator) -> None:
    code = PromoCodeFactory.create(max_uses=5)
    invoice = InvoiceFactory.create(promo_code=code)
    InvoiceFactory.create(promo_code=PromoCodeFactory.create())

    answer = operator.page(code)

    (panel,) = answer.context["panels"]
    assert len(panel.rows) == 1
    assert str(invoice.wallet.user) in str(panel.rows[0][1])
    assert panel.note == "1 of 5"
