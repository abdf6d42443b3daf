"""Our books beside Telegram's, over real HTTP: what agrees, what one side lacks, and what people decide about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from pytest_django.live_server_helper import LiveServer

from audit.models import AdminAlert
from billing import errors
from billing.gateways.provider import ProviderUnavailable
from billing.models import (
    Invoice,
    Payment,
    PaymentEvent,
    ProviderStatement,
    Refund,
    StatementLine,
    Subscription,
    Wallet,
)
from billing.operations import payment_events, provider_statements
from billing.rules.payment_events import Fact, Kind
from billing.tests.factories import TESTER
from billing.tests.races import lined_up, outcomes
from billing.tests.snapshots import Unmoved
from billing.tests.telegram import STARS, Shop, invoice, payer_of
from conftest import TestClock
from core.actors import Actor
from core.clock import now
from core.errors import ReasonMissing
from core.ids import uuid7
from core.jobs.drain import run_due
from core.models import Job
from core.money import Money
from messaging.tests.factories import TOKEN
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House

pytestmark = pytest.mark.django_db(transaction=True)

OLGA = Actor(kind="user", id="olga", label="Olga")
STARS_CODE = "telegram_stars"
Verdict, State = StatementLine.Verdict, StatementLine.State


@pytest.fixture
def shop(fakes: House, telegram: BotApi, live_server: LiveServer) -> Shop:
    made = Shop(fakes, telegram, live_server.url)
    made.connect()
    return made


def go_deaf(shop: Shop) -> None:
    """From now on nothing that Telegram tells arrives."""
    said = {"drop_pending_updates": True}
    requests.post(f"{shop.house.address}/telegram/bot{TOKEN}/deleteWebhook", json=said, timeout=10).raise_for_status()


def missed(shop: Shop, bought: Invoice) -> str:
    """A payment of which only Telegram's books tell; its charge."""
    go_deaf(shop)
    return str(shop.buy(bought, unasked=True)["charge_id"])


def night(clock: TestClock, *, hours: int = 24) -> ProviderStatement:
    """The next night's comparison."""
    clock.advance(hours=hours)
    return provider_statements.reconcile(provider=STARS_CODE, by=TESTER)


def counts(statement: ProviderStatement) -> dict[str, int]:
    names = ("matched", "missing_here", "missing_there", "amount_differs", "decided")
    return {name: value for name in names if (value := getattr(statement, name))}


def balance(bought: Invoice) -> int:
    return Wallet.objects.get(pk=bought.wallet_id).token_balance


def announced(bought: Invoice, charge_id: str, *, amount: int = STARS, at: datetime | None = None) -> None:
    """A payment that a bot's own server has recorded, whatever Telegram's books say."""
    fact = Fact(
        provider=STARS_CODE,
        event_id=charge_id,
        kind=Kind.SUCCEEDED,
        payment_id=charge_id,
        occurred_at=at or datetime.now(UTC),
        source="caller",
        amount=Money(amount, "XTR"),
        invoice_id=bought.pk,
    )
    payment_events.record(fact=fact, by=TESTER)


def moved() -> tuple[int, ...]:
    counted = (Payment, PaymentEvent, Refund, ProviderStatement, StatementLine)
    return tuple(model.objects.count() for model in counted)


def test_what_both_know_agrees(shop: Shop, clock: TestClock) -> None:
    done = shop.buy(invoice())
    shop.buy(invoice())
    shop.deed("refund", charge_id=done["charge_id"])
    statement = night(clock)
    assert counts(statement) == {"matched": 3}
    assert statement.finished_at is not None
    assert not StatementLine.objects.exists()
    assert not AdminAlert.objects.exists()


def test_a_lost_message_is_booked_and_credited_once(shop: Shop, clock: TestClock, unmoved: Unmoved) -> None:
    bought = invoice()
    charge_id = missed(shop, bought)
    assert counts(night(clock)) == {"missing_here": 1}
    line = StatementLine.objects.get()
    assert (line.reference, line.direction, line.verdict, line.state) == (charge_id, "in", "missing_here", "open")
    assert (line.our_money, line.their_money, line.payment) == (None, Money(STARS, "XTR"), None)
    assert AdminAlert.objects.get().status == AdminAlert.Status.OPEN

    booked = provider_statements.book(line_id=line.pk, by=OLGA)

    assert booked.payment == Payment.objects.get()
    assert (booked.payment.outcome, booked.payment.provider_payment_id) == ("credited", charge_id)
    assert PaymentEvent.objects.get().source == PaymentEvent.Source.BOOKS
    assert PaymentEvent.objects.get().details == {"payer": payer_of(bought)}
    assert balance(bought) == 50
    line.refresh_from_db()
    assert (line.state, line.decided_by, line.payment) == ("booked", "Olga", booked.payment)
    assert AdminAlert.objects.get().status == AdminAlert.Status.RESOLVED
    with unmoved(errors.StatementLineDecided):
        provider_statements.book(line_id=line.pk, by=OLGA)
    assert counts(night(clock)) == {"matched": 1}
    assert balance(bought) == 50


def test_what_we_hear_of_late_closes_the_difference(shop: Shop, clock: TestClock) -> None:
    bought = invoice()
    charge_id = missed(shop, bought)
    night(clock)
    # Long after the movement itself has left the window.
    (written,) = shop.world.transactions
    written["date"] -= 10 * 86_400
    clock.advance(days=5)
    announced(bought, charge_id, at=now())
    assert counts(night(clock, hours=12)) == {"matched": 1}
    line = StatementLine.objects.get()
    assert (line.state, line.decided_by) == ("resolved", "")
    assert AdminAlert.objects.get().status == AdminAlert.Status.RESOLVED
    # The provider tells no more of it, and what it once told is not forgotten.
    assert counts(night(clock)) == {"matched": 1}
    assert StatementLine.objects.count() == 1


def test_what_the_store_took_back_is_seen_in_the_books_alone(shop: Shop, clock: TestClock) -> None:
    bought = invoice()
    done = shop.buy(bought)
    shop.deed("chargeback", charge_id=done["charge_id"])
    assert (Payment.objects.get().status, balance(bought)) == ("succeeded", 50)
    assert counts(night(clock)) == {"matched": 1, "missing_here": 1}
    line = StatementLine.objects.get()
    assert (line.reference, line.direction, line.payment) == (done["charge_id"], "out", Payment.objects.get())

    provider_statements.book(line_id=line.pk, by=OLGA)

    assert (Payment.objects.get().status, balance(bought)) == ("refunded", 0)
    assert Refund.objects.get().provider_refund_id == done["charge_id"]
    assert counts(night(clock)) == {"matched": 2}


def test_a_payment_and_its_return_that_were_both_missed(shop: Shop, clock: TestClock) -> None:
    bought = invoice()
    charge_id = missed(shop, bought)
    shop.deed("chargeback", charge_id=charge_id)
    night(clock)
    came, went = StatementLine.objects.order_by("direction")
    # The wrong way round.
    assert provider_statements.book(line_id=went.pk, by=OLGA).payment is None
    assert provider_statements.book(line_id=came.pk, by=OLGA).payment is not None
    assert (Payment.objects.get().status, balance(bought)) == ("refunded", 0)
    assert counts(night(clock)) == {"matched": 2}


def test_a_renewal_that_was_missed_gets_an_invoice_of_its_own(shop: Shop, clock: TestClock) -> None:
    bought = invoice(subscription_days=30, family="plans", tokens=0)
    done = shop.buy(bought)
    before = Subscription.objects.get().current_period_end
    go_deaf(shop)
    shop.deed("renew", charge_id=done["charge_id"])
    night(clock)
    line = StatementLine.objects.get()

    booked = provider_statements.book(line_id=line.pk, by=OLGA)

    assert booked.payment is not None
    assert (booked.payment.outcome, booked.payment.invoice_id == bought.pk) == ("credited", False)
    assert before is not None
    ends_at = Subscription.objects.get().ends_at
    assert ends_at is not None
    assert ends_at >= before + timedelta(days=30)


def test_the_first_payment_of_a_subscription_that_was_missed(shop: Shop, clock: TestClock) -> None:
    bought = invoice(subscription_days=30, family="plans", tokens=0)
    missed(shop, bought)
    night(clock)
    booked = provider_statements.book(line_id=StatementLine.objects.get().pk, by=OLGA)
    assert booked.payment is not None
    assert (booked.payment.outcome, booked.payment.invoice_id) == ("credited", bought.pk)
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE


def test_another_amount_than_the_provider_has_written_down(shop: Shop, clock: TestClock, unmoved: Unmoved) -> None:
    bought = invoice()
    charge_id = missed(shop, bought)
    announced(bought, charge_id, amount=STARS - 1)
    assert counts(night(clock)) == {"amount_differs": 1}
    line = StatementLine.objects.get()
    assert (line.our_money, line.their_money) == (Money(STARS - 1, "XTR"), Money(STARS, "XTR"))
    assert line.payment == Payment.objects.get()
    before = moved()
    with unmoved(errors.StatementLineNotBookable):
        provider_statements.book(line_id=line.pk, by=OLGA)
    assert moved() == before
    line.refresh_from_db()
    assert line.state == State.OPEN


def test_what_nobody_there_knows(shop: Shop, clock: TestClock, unmoved: Unmoved) -> None:
    shop.buy(invoice())
    night(clock)
    announced(invoice(), "stx-of-nobody")
    # Their clock is the world's, and ours is a day ahead of it: what we heard then lies within the next window.
    assert counts(night(clock)) == {"matched": 1, "missing_there": 1}
    line = StatementLine.objects.get()
    assert (line.reference, line.verdict, line.fact) == ("stx-of-nobody", "missing_there", {})
    assert (line.our_money, line.their_money) == (Money(STARS, "XTR"), None)
    with unmoved(errors.StatementLineNotBookable):
        provider_statements.book(line_id=line.pk, by=OLGA)


def test_two_nights_raise_one_alert(shop: Shop, clock: TestClock) -> None:
    missed(shop, invoice())
    for _night in range(4):
        assert counts(night(clock)) == {"missing_here": 1}
    assert StatementLine.objects.count() == 1
    alert = AdminAlert.objects.get()
    assert (alert.count, alert.severity) == (1, "critical")
    assert alert.context["provider"] == STARS_CODE


def test_a_difference_is_ignored_for_a_reason(shop: Shop, clock: TestClock, unmoved: Unmoved) -> None:
    bought = invoice()
    missed(shop, bought)
    night(clock)
    line = StatementLine.objects.get()
    with unmoved(ReasonMissing):
        provider_statements.ignore(line_id=line.pk, reason=" ", by=OLGA)
    line.refresh_from_db()
    assert line.state == State.OPEN

    provider_statements.ignore(line_id=line.pk, reason="Settled in cash", by=OLGA)

    line.refresh_from_db()
    assert (line.state, line.reason, line.decided_by) == ("ignored", "Settled in cash", "Olga")
    assert AdminAlert.objects.get().status == AdminAlert.Status.RESOLVED
    before = moved()
    with unmoved(errors.StatementLineDecided):
        provider_statements.book(line_id=line.pk, by=OLGA)
    with unmoved(errors.StatementLineDecided):
        provider_statements.ignore(line_id=line.pk, reason="Again", by=OLGA)
    assert (moved(), balance(bought)) == (before, 0)
    assert counts(night(clock)) == {"decided": 1}
    assert AdminAlert.objects.count() == 1


def test_what_nobody_has_found_is_not_decided(unmoved: Unmoved) -> None:
    with unmoved(errors.StatementLineNotFound):
        provider_statements.book(line_id=uuid7(), by=OLGA)
    with unmoved(errors.StatementLineNotFound):
        provider_statements.ignore(line_id=uuid7(), reason="No", by=OLGA)


def test_fresh_movements_are_left_to_the_next_night(shop: Shop, clock: TestClock) -> None:
    missed(shop, invoice())
    assert counts(night(clock, hours=0)) == {}
    assert counts(night(clock)) == {"missing_here": 1}


def test_telegram_breaks_off_in_the_middle(shop: Shop, clock: TestClock) -> None:
    for _number in range(3):
        missed(shop, invoice())
    world = shop.world
    with world.turn:
        world.transactions = [{**line, "id": f"{line['id']}-{n}"} for n in range(50) for line in world.transactions]
    # Two questions for where the window begins, then two pages, of which the second does not come.
    shop.house.script("getStarTransactions", after=3, kind="status", status=500)
    with pytest.raises(ProviderUnavailable):
        night(clock)
    unfinished = ProviderStatement.objects.get()
    assert (unfinished.finished_at, counts(unfinished)) == (None, {})
    assert unfinished.error
    assert not StatementLine.objects.exists()

    finished = night(clock, hours=0)

    assert finished.pk == unfinished.pk
    assert (finished.error, counts(finished)) == ("", {"missing_here": 150})
    assert StatementLine.objects.count() == 150


def test_a_job_for_each_provider_that_is_set_up_compares_its_books(shop: Shop, clock: TestClock) -> None:
    shop.buy(invoice())
    clock.advance(days=1)
    assert provider_statements.request(by=TESTER) == 1
    job = Job.objects.get(name="billing.compare_statement")
    assert job.args == {"provider": STARS_CODE}
    shop.house.script("getStarTransactions", kind="status", status=500)
    run_due()
    assert ProviderStatement.objects.get().finished_at is None
    clock.advance(hours=1)
    run_due()
    assert counts(ProviderStatement.objects.get()) == {"matched": 1}


def test_a_provider_without_books_is_not_asked(shop: Shop, unmoved: Unmoved) -> None:
    before = moved()
    with unmoved(errors.ProviderNotOffered):
        provider_statements.reconcile(provider="telegram", by=TESTER)
    assert moved() == before


def test_of_many_who_decide_one_does(shop: Shop, clock: TestClock) -> None:
    bought = invoice()
    missed(shop, bought)
    night(clock)
    line = StatementLine.objects.get()
    done = lined_up(
        line,
        *[lambda: provider_statements.book(line_id=line.pk, by=OLGA)] * 3,
        *[lambda: provider_statements.ignore(line_id=line.pk, reason="Cash", by=OLGA)] * 3,
    )
    assert len(done.results) == 1
    assert done.codes == {"billing.statement_line_decided": 5}
    line.refresh_from_db()
    assert balance(bought) == (50 if line.state == State.BOOKED else 0)


def test_several_comparisons_at_once_find_a_difference_once(shop: Shop, clock: TestClock) -> None:
    missed(shop, invoice())
    clock.advance(days=1)
    done = outcomes(*[lambda: provider_statements.reconcile(provider=STARS_CODE, by=TESTER)] * 4)
    assert len(done.results) == 4
    assert StatementLine.objects.count() == 1
    assert AdminAlert.objects.count() == 1
    assert not ProviderStatement.objects.filter(finished_at=None).exists()
