"""Subscriptions and trials in Admin: what is shown, and what may be done."""

from __future__ import annotations

import pytest

from billing.models import Subscription, Trial
from billing.operations import periods, subscriptions
from billing.tests.deeds import bill
from billing.tests.factories import TESTER, PlanFactory, SubscriptionFactory, TrialFactory
from billing.tests.operators import Operator, deed_of, errors_of, page_of, told
from billing.tests.snapshots import snapshot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Operator:
    return Operator()


def fresh(subscription: Subscription) -> Subscription:
    subscription.refresh_from_db()
    return subscription


class TestPages:
    def test_of_a_subscription_shows_its_periods(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create(periods=3)
        invoice = bill(subscription.periods.get(number=2))
        periods.remove(invoice=invoice, by=TESTER)
        page = operator.page(subscription).content.decode()
        assert str(invoice.number) in page
        for word in ("taken back", "present", "nobody: the customer pays each invoice"):
            assert word in page

    def test_of_a_trial_leads_to_what_became_of_it(self, operator: Operator) -> None:
        trial = TrialFactory.create()
        assert page_of(trial.subscription) in operator.page(trial).content.decode()
        assert operator.list(Trial).context["cl"].result_count == 1

    @pytest.mark.parametrize(
        ("view", "statuses"),
        [
            ("live", {"active", "trialing"}),
            ("trialing", {"trialing"}),
            ("expired", {"expired"}),
            ("pending", set()),
            ("all", {"active", "trialing", "expired"}),
        ],
    )
    def test_list_shows_what_is_looked_at(self, operator: Operator, view: str, statuses: set[str]) -> None:
        SubscriptionFactory.create()
        TrialFactory.create()
        over = SubscriptionFactory.create()
        periods.remove(invoice=bill(over.periods.get()), by=TESTER)
        found = operator.list(Subscription, view=view).context["cl"].result_list
        assert {each.status for each in found} == statuses

    def test_are_found_by_their_customer(self, operator: Operator) -> None:
        mine, _other = SubscriptionFactory.create(), SubscriptionFactory.create()
        found = operator.list(Subscription, q=str(mine.wallet.user_id)).context["cl"].result_list
        assert list(found) == [mine]


class TestDeeds:
    def test_cancel_and_take_it_back(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create()
        answer = operator.do(subscription, "cancel", reason="she asked")
        assert told(answer) == [("success", "The subscription runs to its end.")]
        assert fresh(subscription).status == "cancelled"
        page = operator.page(subscription).content.decode()
        assert deed_of(subscription, "resume") in page
        assert deed_of(subscription, "cancel") not in page
        answer = operator.do(subscription, "resume", reason="she changed her mind")
        assert told(answer) == [("success", "The subscription goes on.")]
        assert fresh(subscription).status == "active"

    def test_cancel_what_was_never_paid_ends_it(self, operator: Operator) -> None:
        subscription = Subscription.objects.create(
            wallet=TrialFactory.create().wallet, tariff=PlanFactory.create(), family="else"
        )
        assert told(operator.do(subscription, "cancel", reason="x")) == [("success", "The subscription has ended.")]

    def test_change_the_tariff_later_or_now(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create()
        later, now = PlanFactory.create(), PlanFactory.create(price=60_000, change_policy="convert")
        page = operator.open(deed_of(subscription, "change_tariff")).content.decode()
        assert f'value="{later.slug}"' in page
        for tariff, said in (
            (later, "The tariff changes when the paid time ends."),
            (now, "The subscription is of this tariff now."),
        ):
            answer = operator.do(subscription, "change_tariff", tariff=tariff.slug, reason="she asked")
            assert told(answer) == [("success", said)]
        assert (fresh(subscription).tariff, subscription.next_tariff) == (now, None)

    def test_offer_no_tariff_of_another_family_or_audience(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create()
        strangers = [
            PlanFactory.create(family="another"),
            PlanFactory.create(audience="company"),
            PlanFactory.create(is_active=False),
        ]
        before = snapshot()["billing_subscription"]
        for tariff in strangers:
            answer = operator.do(subscription, "change_tariff", tariff=tariff.slug, reason="she asked")
            assert "tariff" in errors_of(answer)
        assert snapshot()["billing_subscription"] == before

    def test_that_are_refused_are_said_in_the_form(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create()
        form = operator.filled(operator.open(deed_of(subscription, "cancel")))
        periods.remove(invoice=bill(subscription.periods.get()), by=TESTER)
        answer = operator.resend(deed_of(subscription, "cancel"), {**form, "reason": "she asked"})
        assert errors_of(answer) == {"__all__": ["The subscription is over."]}

    def test_are_not_the_supports(self) -> None:
        subscription = SubscriptionFactory.create()
        support = Operator("support")
        for deed in ("cancel", "resume", "change_tariff"):
            assert support.open(deed_of(subscription, deed)).status_code == 403
        assert support.page(subscription).status_code == 200

    def test_of_a_cancelled_one_that_has_run_out_are_none(self, operator: Operator) -> None:
        subscription = SubscriptionFactory.create()
        subscriptions.cancel(subscription_id=subscription.pk, by=TESTER)
        periods.remove(invoice=bill(subscription.periods.get()), by=TESTER)
        page = operator.page(subscription).content.decode()
        for deed in ("cancel", "resume", "change_tariff"):
            assert deed_of(subscription, deed) not in page
