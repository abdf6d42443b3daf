"""Money through Telegram, end to end: the real webhook, the real jobs, a made-up Telegram over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from audit.models import AdminAlert
from billing.errors import ProviderNotAvailable
from billing.models import Invoice, Payment, PaymentEvent, Refund, Wallet
from billing.operations import refunds
from billing.tests.callers import Caller
from billing.tests.factories import TESTER, InvoiceFactory, TariffFactory, new_key
from billing.tests.telegram import STARS, Shop, invoice, paid, payer_of, post
from conftest import TestClock
from core.jobs import runner
from core.jobs.drain import run_due
from core.models import Job
from core.tests.racing import race
from messaging.models import BotUpdate
from messaging.tests.factories import message
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(fakes: House, telegram: BotApi, live_server: LiveServer) -> Shop:
    made = Shop(fakes, telegram, live_server.url)
    made.connect()
    return made


def balance(bought: Invoice) -> int:
    return Wallet.objects.get(pk=bought.wallet_id).token_balance


def refund(payment: Payment, **said: Any) -> Refund:
    """The desk sends everything back."""
    asked = {"policy": "full", "amount": None, "reason": "They asked", "key": new_key(), **said}
    issued = refunds.issue(payment_id=payment.pk, by=TESTER, **asked).refund
    run_due()
    issued.refresh_from_db()
    return issued


def test_a_package_is_bought_for_stars(shop: Shop) -> None:
    bought = invoice()
    done = shop.buy(bought)
    assert done["status"] == "paid"
    payment = Payment.objects.get()
    assert (payment.provider, payment.provider_payment_id) == ("telegram_stars", done["charge_id"])
    assert (payment.amount, payment.currency) == (STARS, "XTR")
    assert (payment.outcome, payment.status) == ("credited", "succeeded")
    assert balance(bought) == 50
    event = PaymentEvent.objects.get()
    assert event.details == {"payer": payer_of(bought)}
    assert event.payload["message"]["successful_payment"]["telegram_payment_charge_id"] == done["charge_id"]


def test_a_page_in_a_browser_is_enough(shop: Shop) -> None:
    bought = invoice()
    page = requests.post(f"{shop.link(bought)}/pay", data={"user": str(payer_of(bought))}, timeout=20)
    assert "Paid" in page.text
    shop.settle()
    assert balance(bought) == 50


def test_whoever_is_refused_keeps_their_stars(shop: Shop) -> None:
    bought = invoice()
    done = shop.buy(bought, user=payer_of(bought) + 1)
    assert done == {
        "status": "declined",
        "error_message": "Этот счёт выставлен другому человеку. Попросите свой.",
        "charge_id": "",
    }
    assert not Payment.objects.exists()


def test_telegram_tells_it_again_and_again(shop: Shop) -> None:
    bought = invoice()
    shop.buy(bought, times=3)
    assert (BotUpdate.objects.filter(kind="successful_payment").count(), Payment.objects.count()) == (1, 1)
    assert balance(bought) == 50


def test_the_same_payment_ten_times_at_once_is_one_credit(fakes: House) -> None:
    bought = invoice()
    told = paid(bought)
    again = [{**told, "update_id": told["update_id"] + number} for number in range(1, 10)]
    answers = race(*[lambda body=body: post(body) for body in [told, *again]])
    assert {answer.status_code for answer in answers} == {200}
    jobs = list(Job.objects.filter(name="messaging.handle_update").values_list("pk", flat=True))
    assert len(jobs) == 10
    race(*[lambda job=job: runner.run(job) for job in jobs])
    run_due()
    assert (Payment.objects.count(), PaymentEvent.objects.count(), balance(bought)) == (1, 1, 50)
    assert not AdminAlert.objects.exists()


def test_the_same_update_ten_times_at_once_is_one_job(fakes: House) -> None:
    bought = invoice()
    told = paid(bought)
    race(*[lambda: post(told)] * 10)
    assert Job.objects.filter(name="messaging.handle_update").count() == 1
    run_due()
    assert balance(bought) == 50


def test_what_two_people_pay_for_one_invoice_is_surplus_the_second_time(fakes: House) -> None:
    bought = invoice()
    post(paid(bought, charge_id="stx-1"))
    post(paid(bought, charge_id="stx-2"))
    run_due()
    assert sorted(Payment.objects.values_list("outcome", flat=True)) == ["credited", "surplus"]
    assert balance(bought) == 50
    assert AdminAlert.objects.filter(fingerprint__startswith="billing.payment_surplus").exists()


@pytest.mark.parametrize("changes", [{"total_amount": 1}, {"currency": "USD"}])
def test_money_that_does_not_fit_is_kept_and_told(fakes: House, changes: dict[str, Any]) -> None:
    bought = invoice()
    post(paid(bought, **changes))
    run_due()
    assert (Payment.objects.get().outcome, balance(bought)) == ("mismatch", 0)


def test_money_of_another_bot_s_invoice_is_kept_and_told(fakes: House) -> None:
    post(paid(invoice(), invoice_payload="of another bot"))
    run_due()
    assert PaymentEvent.objects.get().invoice is None
    assert AdminAlert.objects.filter(fingerprint__startswith="billing.payment_unknown").exists()


def test_words_about_money_that_nobody_understands_are_told(fakes: House) -> None:
    post(message(successful_payment={"currency": "XTR"}))
    run_due()
    assert not PaymentEvent.objects.exists()
    assert AdminAlert.objects.filter(fingerprint__startswith="billing.telegram_payment_unreadable").exists()


def test_the_desk_sends_stars_back_and_the_update_about_it_is_the_same_refund(shop: Shop) -> None:
    bought = invoice()
    done = shop.buy(bought)
    issued = refund(Payment.objects.get())
    shop.settle()
    assert (issued.state, issued.provider_refund_id) == ("succeeded", done["charge_id"])
    assert (Refund.objects.count(), PaymentEvent.objects.filter(kind="refunded").count()) == (1, 1)
    assert BotUpdate.objects.filter(kind="refunded_payment").count() == 1
    assert (Payment.objects.get().status, balance(bought)) == ("refunded", 0)
    assert not AdminAlert.objects.exists()


def test_what_was_sent_back_already_is_sent_back(shop: Shop) -> None:
    bought = invoice()
    shop.buy(bought)
    # Telegram did it, and its answer got lost.
    shop.house.script("refundStarPayment", kind="drop")
    issued = refund(Payment.objects.get())
    assert issued.state == "pending"
    assert refunds.send(refund_id=issued.pk, by=TESTER).state == "succeeded"
    assert [call.status for call in shop.house.calls("refundStarPayment")] == [None, 400]
    shop.settle()
    assert (Refund.objects.count(), balance(bought)) == (1, 0)


def test_telegram_refuses_a_refund_for_good(shop: Shop) -> None:
    bought = invoice()
    shop.buy(bought)
    shop.house.script("refundStarPayment", kind="status", status=400, says="Bad Request: CHARGE_NOT_FOUND")
    issued = refund(Payment.objects.get())
    assert issued.state == "failed"
    assert balance(bought) == 50


def test_a_refund_waits_for_telegrams_pause_as_long_as_it_lasts(shop: Shop, clock: TestClock) -> None:
    bought = invoice()
    shop.buy(bought)
    clock.stop()
    for _flood in range(30):
        shop.house.script("refundStarPayment", kind="status", status=429, retry_after=35)
    issued = refund(Payment.objects.get())
    job = Job.objects.get(name="billing.send_refund")
    for _flood in range(29):
        clock.advance(seconds=35)
        run_due()
    job.refresh_from_db()
    assert (job.state, job.attempts, issued.state, balance(bought)) == ("queued", 0, "pending", 0)
    clock.advance(seconds=35)
    shop.settle()
    issued.refresh_from_db()
    assert (issued.state, balance(bought)) == ("succeeded", 0)
    assert len(shop.house.calls("refundStarPayment")) == 31


def test_a_purchase_begun_in_a_pause_is_told_when_to_come_again(fakes: House) -> None:
    fakes.script("createInvoiceLink", kind="status", status=429, retry_after=35)
    caller, bought = Caller("billing:write"), invoice()
    for _each in range(2):
        answer = caller.post(f"invoices/{bought.pk}/checkout", {"provider": "telegram_stars"})
        assert (answer.status_code, answer.json()["code"]) == (503, "billing.provider_not_available")
        assert 30 <= int(answer["Retry-After"]) <= 35
    assert len(fakes.calls("createInvoiceLink")) == 1


def test_whoever_is_about_to_pay_is_answered_in_a_pause(shop: Shop) -> None:
    bought = invoice()
    link = shop.link(bought)
    shop.house.script("createInvoiceLink", kind="status", status=429, retry_after=3_600)
    with pytest.raises(ProviderNotAvailable):
        shop.link(invoice())
    assert shop.deed("pay", invoice=link, user=payer_of(bought), language_code="ru")["status"] == "paid"
    assert balance(bought) == 50


def test_a_refund_from_outside_takes_the_tokens_back(shop: Shop) -> None:
    bought = invoice()
    done = shop.buy(bought)
    shop.deed("refund", charge_id=done["charge_id"])
    assert (Payment.objects.get().status, balance(bought), Refund.objects.get().origin) == ("refunded", 0, "provider")


def test_a_refund_that_is_told_before_its_payment_ends_alike(fakes: House) -> None:
    bought = invoice()
    told = paid(bought)
    body = {name: value for name, value in told["message"]["successful_payment"].items() if name != "provider"}
    post(message(sender=payer_of(bought), refunded_payment=body))
    run_due()
    post(told)
    run_due()
    assert (Payment.objects.get().status, balance(bought)) == ("refunded", 0)


def test_a_subscription_of_thirty_days_is_renewed_by_telegram(shop: Shop) -> None:
    month = invoice(subscription_days=30, family="premium")
    other = InvoiceFactory.create(
        wallet=month.wallet, tariff=TariffFactory.create(price_stars=5, subscription_days=90, family="other")
    )
    shop.link(other)
    done = shop.buy(month, expires=1_800_000_000)
    periods = [call.body.get("subscription_period") for call in shop.house.calls("createInvoiceLink")]
    assert periods == [None, 2_592_000]
    event = PaymentEvent.objects.get()
    assert event.details["paid_until"] == "2027-01-15T08:00:00+00:00"
    assert event.details["agreement"] == done["charge_id"]


def test_a_renewal_that_comes_before_its_first_payment_leaves_that_its_invoice(fakes: House) -> None:
    bought = invoice(subscription_days=30, family="plans")
    post(paid(bought, is_recurring=True))
    run_due()
    payment = Payment.objects.get()
    assert (payment.outcome, payment.invoice_id == bought.pk) == ("credited", False)
    assert balance(bought) == 50
