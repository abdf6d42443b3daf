"""Subscriptions and trials over HTTP: servers for anybody, customers for themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import ADDRESS, CompanyFactory, UserFactory, bearer_header
from audit.models import AdminAlert
from billing.models import Invoice, Subscription, Trial, Wallet
from billing.operations import subscriptions
from billing.runtime_settings import TRIALS_PER_HOUR
from billing.tests.callers import Caller
from billing.tests.deeds import pay
from billing.tests.factories import (
    TESTER,
    PlanFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
    company_wallet,
    new_key,
)
from billing.tests.snapshots import snapshot
from core import runtime_settings
from core.api.moments import as_rfc3339
from core.ids import uuid7
from core.operations import settings
from core.tests.buckets import forget

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Caller:
    return Caller()


class Person:
    """A customer in a session of theirs."""

    def __init__(self, wallet: Wallet, address: str = ADDRESS) -> None:
        assert wallet.user is not None
        self.client = Client(REMOTE_ADDR=address, headers=bearer_header(wallet.user))

    def get(self, path: str, **query: str) -> Any:
        return self.client.get(f"/api/v1/{path}", query_params=query)

    def post(self, path: str, body: object = None) -> Any:
        headers = {"Idempotency-Key": new_key()}
        return self.client.post(f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers)


class TestSubscribing:
    def test_answers_what_waits_and_what_is_to_be_paid(self, server: Caller) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        answer = server.post("subscriptions", {"user": str(wallet.user_id), "tariff": plan.slug}, key="one")
        assert answer.status_code == 201
        invoice, subscription = Invoice.objects.get(), Subscription.objects.get()
        assert answer.json() == {
            "id": str(subscription.pk),
            "owner": {"user": str(wallet.user_id), "company": None},
            "tariff": plan.slug,
            "next_tariff": None,
            "family": "pro",
            "status": "pending",
            "started_at": None,
            "current_period_start": None,
            "current_period_end": None,
            "ends_at": None,
            "trial_end": None,
            "cancel_at_period_end": False,
            "cancelled_at": None,
            "invoice": str(invoice.pk),
            "periods": [],
            "created_at": as_rfc3339(subscription.created_at),
        }
        again = server.post("subscriptions", {"user": str(wallet.user_id), "tariff": plan.slug}, key="one")
        assert (again.content, again["Idempotency-Replayed"]) == (answer.content, "true")
        pay(invoice)
        shown = server.get(f"subscriptions/{subscription.pk}").json()
        assert (shown["status"], shown["invoice"]) == ("active", None)
        assert [(each["number"], each["invoice"]) for each in shown["periods"]] == [(1, str(invoice.pk))]
        assert shown["current_period_end"] == shown["ends_at"] == shown["periods"][0]["ends_at"]

    def test_works_for_companies_and_by_telegram_id(self, server: Caller) -> None:
        company, person = company_wallet(), WalletFactory.create(user=UserFactory.create(telegram_id=777))
        plans = PlanFactory.create(audience="company"), PlanFactory.create()
        names: list[dict[str, Any]] = [{"company": str(company.company_id)}, {"telegram_id": 777}]
        for named, plan in zip(names, plans, strict=True):
            assert server.post("subscriptions", {**named, "tariff": plan.slug}, key=new_key()).status_code == 201
        assert {each.wallet for each in Subscription.objects.all()} == {company, person}

    @pytest.mark.parametrize(
        "named", [{}, {"user": str(uuid7()), "company": str(uuid7())}, {"telegram_id": 7, "company": str(uuid7())}]
    )
    @pytest.mark.parametrize("route", ["subscriptions", "trials"])
    def test_names_exactly_one_customer(self, server: Caller, route: str, named: dict[str, Any]) -> None:
        answer = server.post(route, {**named, "tariff": "x"}, key="one")
        assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")

    def test_needs_a_key(self, server: Caller) -> None:
        body = {"user": str(WalletFactory.create().user_id), "tariff": PlanFactory.create().slug}
        for route in ("subscriptions", "trials"):
            assert server.post(route, body).json()["code"] == "common.idempotency_key_missing"


class TestCustomers:
    def test_subscribe_for_themselves_and_see_and_cancel_their_own(self) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create()
        person = Person(wallet)
        answer = person.post("subscriptions", {"tariff": plan.slug})
        assert answer.status_code == 201
        pay(Invoice.objects.get())
        (mine,) = person.get("subscriptions").json()["results"]
        assert mine["id"] == answer.json()["id"]
        cancelled = person.post(f"subscriptions/{mine['id']}/cancel")
        assert (cancelled.json()["status"], cancelled.json()["cancel_at_period_end"]) == ("cancelled", True)

    def test_begin_their_own_trial(self) -> None:
        wallet = WalletFactory.create()
        answer = Person(wallet).post("trials", {"tariff": PlanFactory.create().slug})
        assert (answer.status_code, answer.json()["status"]) == (201, "trialing")
        assert Trial.objects.get().wallet == wallet

    def test_meet_404_where_something_is_somebody_elses(self) -> None:
        theirs = SubscriptionFactory.create()
        person = Person(WalletFactory.create())
        before = snapshot()
        for answer in (
            person.get(f"subscriptions/{theirs.pk}"),
            person.post(f"subscriptions/{theirs.pk}/cancel"),
            person.get(f"subscriptions/{uuid7()}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "billing.subscription_not_found")
        for route in ("subscriptions", "trials"):
            for named in ({"user": str(theirs.wallet.user_id)}, {"company": str(CompanyFactory.create().pk)}):
                answer = person.post(route, {**named, "tariff": theirs.tariff.slug})
                assert (answer.status_code, answer.json()["code"]) == (404, "billing.wallet_not_found")
        assert person.get("subscriptions", user=str(theirs.wallet.user_id)).json()["results"] == []
        assert snapshot()["billing_subscription"] == before["billing_subscription"]


class TestLists:
    def test_are_narrowed_by_owner_and_status(self, server: Caller) -> None:
        one, other = SubscriptionFactory.create(), TrialFactory.create().subscription
        company = SubscriptionFactory.create(wallet=company_wallet(), tariff=PlanFactory.create(audience="company"))
        asked: list[tuple[dict[str, str], list[Subscription]]] = [
            ({}, [company, other, one]),
            ({"user": str(one.wallet.user_id)}, [one]),
            ({"company": str(company.wallet.company_id)}, [company]),
            ({"status": "trialing"}, [other]),
            ({"status": "expired"}, []),
        ]
        for query, wanted in asked:
            found = server.get("subscriptions", **query).json()["results"]
            assert [each["id"] for each in found] == [str(each.pk) for each in wanted]


class TestTrials:
    def test_answer_the_subscription_that_they_are(self, server: Caller) -> None:
        wallet, plan = WalletFactory.create(), PlanFactory.create(tokens=20)
        answer = server.post("trials", {"user": str(wallet.user_id), "tariff": plan.slug}, key="one")
        assert answer.status_code == 201
        said = answer.json()
        assert (said["status"], said["trial_end"]) == ("trialing", said["ends_at"])
        assert [each["invoice"] for each in said["periods"]] == [None]
        wallet.refresh_from_db()
        assert wallet.token_balance == 20

    def test_come_once(self, server: Caller) -> None:
        trial = TrialFactory.create()
        before = snapshot()["billing_trial"]
        body = {"user": str(trial.wallet.user_id), "tariff": trial.tariff.slug}
        answer = server.post("trials", body, key="another")
        assert (answer.status_code, answer.json()["code"]) == (409, "billing.trial_used")
        assert snapshot()["billing_trial"] == before

    def test_of_many_people_at_one_address_are_as_those_of_one_caller(self, server: Caller) -> None:
        """One machine may be a thousand people, each of whom has a right to a trial."""
        plan, address = PlanFactory.create(), "198.51.100.7"
        forget()
        settings.change(key=TRIALS_PER_HOUR.key, value=2, by=TESTER, reason="for a test")
        runtime_settings.forget_cached()
        try:
            asked = [Person(WalletFactory.create(), address) for _each in range(3)]
            answers = [person.post("trials", {"tariff": plan.slug}) for person in asked]
            elsewhere = Person(WalletFactory.create(), "203.0.113.7").post("trials", {"tariff": plan.slug})
        finally:
            runtime_settings.forget_cached()
        assert [answer.status_code for answer in (*answers, elsewhere)] == [201, 201, 429, 201]
        assert Trial.objects.count() == 3
        assert AdminAlert.objects.get().context["subject"] == f"ip:{address}"


class TestRefusals:
    def test_are_told_by_their_codes(self, server: Caller) -> None:
        subscription = SubscriptionFactory.create()
        user = {"user": str(subscription.wallet.user_id)}
        tokens, untried = TariffFactory.create(), PlanFactory.create(trial_days=0)
        over = SubscriptionFactory.create()
        subscriptions.cancel(subscription_id=over.pk, by=TESTER)
        Subscription.objects.filter(pk=over.pk).update(status="expired", ended_at=over.ends_at)
        asked = [
            ("subscriptions", {**user, "tariff": tokens.slug}, 409, "billing.tariff_without_subscription"),
            ("trials", {**user, "tariff": untried.slug}, 409, "billing.trial_not_offered"),
            ("trials", {**user, "tariff": subscription.tariff.slug}, 409, "billing.subscription_exists"),
            (f"subscriptions/{over.pk}/cancel", None, 409, "billing.subscription_over"),
        ]
        for path, body, status, code in asked:
            answer = server.post(path, body, key=new_key())
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert server.post("trials", asked[2][1], key=new_key()).json()["subscription"] == str(subscription.pk)
