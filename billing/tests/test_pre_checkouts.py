"""Telegram's question before it takes money: answered within its own request, in the payer's language, by the books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any, Final

import pytest
from django.utils import translation
from pytest_django import Settings

from accounts.models import Membership
from accounts.tests.factories import MembershipFactory, UserFactory
from billing.models import Invoice
from billing.operations import invoices, pre_checkouts, tariffs
from billing.rules.pre_checkouts import Refusal
from billing.tests import deeds
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, company_wallet
from billing.tests.snapshots import snapshot
from billing.tests.telegram import invoice, post, question
from conftest import TestClock
from core.models import Job
from core.tests.application import connected
from messaging.models import BotUpdate
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)

RUSSIAN: Final = {
    Refusal.UNKNOWN: "Мы не знаем этого счёта. Попросите новый.",
    Refusal.NOT_YOURS: "Этот счёт выставлен другому человеку. Попросите свой.",
    Refusal.PAID: "Этот счёт уже оплачен.",
    Refusal.EXPIRED: "Срок этого счёта истёк. Попросите новый.",
    Refusal.CANCELLED: "Этот счёт отозван. Попросите новый.",
    Refusal.OTHER_PRICE: "Цена изменилась. Попросите новый счёт.",
    Refusal.NOT_SOLD: "Это больше не продаётся.",
    Refusal.UNSURE: "Сейчас не удалось проверить счёт. Попробуйте ещё раз через минуту.",
}


def said(fakes: House, update: Any) -> dict[str, Any]:
    """What the house answered to the question; in time, and not by a job."""
    begun = monotonic()
    assert post(update).status_code == 200
    assert monotonic() - begun < 2
    assert not Job.objects.filter(name="messaging.handle_update").exists()
    (call,) = fakes.calls("answerPreCheckoutQuery")
    assert call.body["pre_checkout_query_id"] == "77"
    return {name: value for name, value in call.body.items() if name != "pre_checkout_query_id"}


def _paid(bought: Invoice, _clock: TestClock) -> None:
    deeds.pay(bought)


def _cancelled(bought: Invoice, _clock: TestClock) -> None:
    invoices.cancel(invoice_id=bought.pk, by=TESTER)


def _late(_bought: Invoice, clock: TestClock) -> None:
    clock.advance(days=1)


def _swept(bought: Invoice, clock: TestClock) -> None:
    clock.advance(days=1)
    invoices.expire(invoice_id=bought.pk, by=TESTER)


def _archived(bought: Invoice, _clock: TestClock) -> None:
    tariffs.archive(slug=bought.tariff.slug, by=TESTER)


def _nothing(_bought: Invoice, _clock: TestClock) -> None:
    """All is as it should be."""


Happens = Callable[[Invoice, TestClock], None]

CASES: Final[list[tuple[Happens, dict[str, Any], Refusal | None]]] = [
    (_nothing, {}, None),
    (_nothing, {"currency": "RUB", "total_amount": 14_900}, None),
    (_nothing, {"payer": 999_999}, Refusal.NOT_YOURS),
    (_nothing, {"total_amount": 99}, Refusal.OTHER_PRICE),
    (_nothing, {"total_amount": 14_900}, Refusal.OTHER_PRICE),
    (_nothing, {"currency": "RUB"}, Refusal.OTHER_PRICE),
    (_nothing, {"currency": "USD", "total_amount": 14_900}, Refusal.OTHER_PRICE),
    (_nothing, {"currency": "???"}, Refusal.UNKNOWN),
    (_nothing, {"total_amount": "100"}, Refusal.UNKNOWN),
    (_nothing, {"invoice_payload": "of another bot"}, Refusal.UNKNOWN),
    (_nothing, {"invoice_payload": "01980f2a-5c1d-7e2f-9a3b-4c5d6e7f8091"}, Refusal.UNKNOWN),
    (_late, {}, Refusal.EXPIRED),
    (_swept, {}, Refusal.EXPIRED),
    (_paid, {}, Refusal.PAID),
    (_cancelled, {}, Refusal.CANCELLED),
    (_archived, {}, Refusal.NOT_SOLD),
    (_paid, {"payer": 999_999}, Refusal.NOT_YOURS),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_lets_pay_only_what_is_owed_by_whom_it_is_owed(
    fakes: House, clock: TestClock, case: tuple[Happens, dict[str, Any], Refusal | None], language: str
) -> None:
    happens, changes, refusal = case
    bought = invoice()
    happens(bought, clock)
    before = {name: rows for name, rows in snapshot().items() if name != "bot_updates"}
    answer = said(fakes, question(bought, language_code=language, **changes))
    if refusal is None:
        assert answer == {"ok": True}
    else:
        with translation.override("en"):
            words = RUSSIAN[refusal] if language == "ru" else str(pre_checkouts.WORDS[refusal])
        assert answer == {"ok": False, "error_message": words}
    assert {name: rows for name, rows in snapshot().items() if name != "bot_updates"} == before


@pytest.mark.parametrize(
    ("code", "language"), [("ru", "ru"), ("ru-RU", "ru"), ("en", "en"), ("de", "en"), ("", "en"), ("x" * 99, "en")]
)
def test_speaks_the_payers_language(fakes: House, code: str, language: str) -> None:
    answer = said(fakes, question(invoice(), payer=999_999, language_code=code))
    assert (answer["error_message"] == RUSSIAN[Refusal.NOT_YOURS]) is (language == "ru")


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("manager", True), ("worker", False), ("client", False)])
def test_who_manages_a_company_pays_for_it(fakes: House, role: str, may: bool) -> None:
    wallet = company_wallet()
    sold = TariffFactory.create(price_stars=100, audience="company")
    bought = InvoiceFactory.create(wallet=wallet, tariff=sold)
    person = UserFactory.create()
    MembershipFactory.create(company=wallet.company, user=person, role=Membership.Role(role))
    assert said(fakes, question(bought, payer=person.telegram_id))["ok"] is may


def test_telegram_that_does_not_listen_breaks_nothing(fakes: House) -> None:
    fakes.script("answerPreCheckoutQuery", kind="status", status=500)
    assert said(fakes, question(invoice()))["ok"] is True
    assert BotUpdate.objects.count() == 1


def test_where_the_books_do_not_answer_the_payer_is_told_to_try_again(fakes: House, settings: Settings) -> None:
    bought = invoice()
    settings.TIME_LIMITS = {**settings.TIME_LIMITS, "api": (1, 0.2, 1)}
    with connected(as_owner=True) as other, other.transaction():
        other.execute("LOCK TABLE billing_invoice IN ACCESS EXCLUSIVE MODE")
        assert said(fakes, question(bought)) == {"ok": False, "error_message": RUSSIAN[Refusal.UNSURE]}


def test_the_same_question_again_is_answered_once(fakes: House) -> None:
    asked = question(invoice())
    assert said(fakes, asked) == {"ok": True}
    assert said(fakes, asked) == {"ok": True}


def test_the_database_s_clock_decides_what_has_expired(fakes: House, clock: TestClock) -> None:
    bought = invoice()
    clock.advance(seconds=(bought.expires_at - bought.created_at - timedelta(seconds=1)).total_seconds())
    assert said(fakes, question(bought)) == {"ok": True}
