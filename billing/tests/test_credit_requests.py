"""Credits too large for one: they wait, a second person decides once, and nobody decides about their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from accounts.people import actor_of
from accounts.tests.factories import ApiKeyFactory, StaffFactory
from audit.models import AdminAlert, AuditLog
from billing import errors, tasks
from billing.models import CreditAllowance, CreditRequest, Transaction, Wallet
from billing.operations import charges, credit_requests, credits, grants
from billing.operations.grants import Given
from billing.owners import Owner
from billing.queries.credit_limits import find_giver
from billing.tests.deeds import assert_books_are_true, booked, ledger
from billing.tests.factories import TESTER, CreditRequestFactory, WalletFactory, new_key
from billing.tests.races import lined_up, outcomes, without
from billing.tests.snapshots import Unmoved, snapshot
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM, Actor
from core.errors import ReasonMissing
from core.ids import uuid7

pytestmark = pytest.mark.django_db


def operator() -> Actor:
    return actor_of(StaffFactory.create(role="operator"))


def key_of(owner: User | None) -> Actor:
    row = ApiKeyFactory.create(owner=owner, scopes=["grants:write"])
    return Actor(kind="api_key", id=str(row.pk), label=row.name, user_id=str(owner.pk) if owner else None)


def give(by: Actor, wallet: Wallet, tokens: int = 2_000, **changed: Any) -> Given:
    asked: dict[str, Any] = {"reason": "a lost week", "key": "mine", **changed}
    return grants.give(owner=Owner.wallet(wallet.pk), tokens=tokens, by=by, **asked)


def approve(request: CreditRequest, by: Actor) -> Transaction:
    return credit_requests.approve(request_id=request.pk, by=by).transaction


class TestAsking:
    def test_moves_nothing_and_tells_colleagues(self) -> None:
        wallet, olga = WalletFactory.create(), StaffFactory.create(role="operator")
        given = give(actor_of(olga), wallet)
        assert (given.transaction, given.replayed) == (None, False)
        row = CreditRequest.objects.get()
        assert given.request == row
        assert (row.wallet, row.tokens, row.reason, row.state) == (wallet, 2_000, "a lost week", "pending")
        assert (row.requested_by, row.giver, row.actor["label"]) == (olga, f"user:{olga.pk}", olga.login)
        assert row.expires_at - row.created_at == timedelta(hours=72)
        assert booked(wallet) == (0, 0, 0)
        assert not CreditAllowance.objects.exists(), "what waits for a second person takes nothing from the first"
        alert = AdminAlert.objects.get()
        assert (alert.status, alert.context["credit_request"]) == ("open", str(row.pk))
        deed = AuditLog.objects.get(action="billing.credit_request.made")
        assert (deed.user_id, deed.entity_id, deed.metadata["reason"]) == (olga.pk, str(row.pk), "a lost week")

    def test_again_with_the_key_is_the_same_request_and_later_its_credit(self) -> None:
        wallet, olga = WalletFactory.create(), operator()
        first = give(olga, wallet).request
        assert first is not None
        before = snapshot()
        again = give(olga, wallet)
        assert (again.request, again.transaction, again.replayed) == (first, None, True)
        assert snapshot() == before
        credited = approve(first, operator())
        later = give(olga, wallet)
        assert (later.transaction, later.replayed) == (credited, True)
        assert booked(wallet) == (2_000, 0, 1)

    def test_again_after_it_was_declined_is_that_answer(self) -> None:
        wallet, olga = WalletFactory.create(), operator()
        first = give(olga, wallet).request
        assert first is not None
        credit_requests.decline(request_id=first.pk, reason="too much", by=operator())
        again = give(olga, wallet)
        assert again.transaction is None
        assert again.request is not None
        assert (again.request.state, again.request.refusal) == ("declined", "too much")

    @pytest.mark.parametrize("changed", [{"tokens": 2_001}, {"reason": "another"}, {"tokens": 5}])
    def test_with_a_key_that_stands_for_another_is_refused(self, unmoved: Unmoved, changed: dict[str, Any]) -> None:
        wallet, olga = WalletFactory.create(), operator()
        give(olga, wallet)
        with unmoved(errors.IdempotencyMismatch):
            give(olga, wallet, **changed)

    def test_with_a_key_of_a_charge_is_refused(self, unmoved: Unmoved) -> None:
        wallet = WalletFactory.create()
        give(TESTER, wallet, 5, key="first")
        charges.charge(owner=Owner.wallet(wallet.pk), tokens=1, key="mine", by=TESTER)
        olga = operator()
        with unmoved(errors.IdempotencyMismatch):
            give(olga, wallet)

    def test_twice_for_one_customer_is_refused_until_it_is_decided(self, unmoved: Unmoved) -> None:
        wallet, olga = WalletFactory.create(), operator()
        first = give(olga, wallet).request
        assert first is not None
        with unmoved(errors.CreditRequestPending) as refusal:
            give(olga, wallet, key="another")
        assert refusal.value.data["request"] == str(first.pk)
        give(operator(), wallet, key="a colleague's")
        give(olga, WalletFactory.create())
        approve(first, operator())
        assert give(olga, wallet, key="another").request is not None

    def test_is_not_for_support(self, unmoved: Unmoved) -> None:
        wallet, support = WalletFactory.create(), actor_of(StaffFactory.create(role="support"))
        with unmoved(errors.CreditTooLarge) as refusal:
            give(support, wallet)
        assert refusal.value.data == {"required": 2_000, "maximum": 1_000}

    def test_is_refused_by_itself_for_whoever_may_not(self, unmoved: Unmoved) -> None:
        wallet, support = WalletFactory.create(), actor_of(StaffFactory.create(role="support"))
        giver = find_giver(support)
        assert giver is not None
        with unmoved(errors.CreditTooLarge):
            credit_requests.ask(
                wallet=wallet,
                giver=giver,
                tokens=2_000,
                reason="a lost week",
                key="mine",
                request_hash=b"",
                lot_expires_at=None,
                by=support,
            )

    def test_begins_above_the_size(self) -> None:
        assert give(operator(), WalletFactory.create(), 1_000).transaction is not None
        assert give(operator(), WalletFactory.create(), 1_001).transaction is None

    def test_of_a_server_begins_at_its_own_size(self) -> None:
        bot = key_of(None)
        assert give(bot, WalletFactory.create(), 1_000_000).transaction is not None
        request = give(bot, WalletFactory.create(), 1_000_001).request
        assert request is not None
        assert (request.requested_by, request.giver) == (None, f"api_key:{bot.id}")
        approve(request, operator())

    def test_for_a_past_moment_is_refused(self, unmoved: Unmoved) -> None:
        wallet, olga, now = WalletFactory.create(), operator(), database_clock.now()
        with unmoved(errors.ExpiryInThePast):
            give(olga, wallet, expires_at=now)


class TestApproving:
    def test_credits_what_was_asked_for_and_tells_of_both(self) -> None:
        olga, boris = StaffFactory.create(role="operator"), StaffFactory.create(role="operator")
        expires_at = database_clock.now() + timedelta(days=30)
        request = CreditRequestFactory.create(by=olga, expires_at=expires_at)
        row = approve(request, actor_of(boris))
        wallet = request.wallet
        assert (row.type, row.tokens_delta, row.expires_at) == ("grant", 2_000, expires_at)
        assert row.actor["id"] == str(boris.pk)
        assert row.metadata["requested_by"] == olga.login
        assert booked(wallet) == (2_000, 0, 1)
        assert_books_are_true(wallet)
        request.refresh_from_db()
        assert (request.state, request.decided_by, request.transaction) == ("approved", boris, row)
        assert AdminAlert.objects.get().status == "resolved"
        told = AuditLog.objects.filter(action__startswith="billing.credit_request.").order_by("id")
        assert [(deed.action.rpartition(".")[2], deed.user_id) for deed in told] == [
            ("made", olga.pk),
            ("approved", boris.pk),
        ]
        given = AuditLog.objects.get(action="billing.grant.given")
        assert (given.user_id, given.metadata["requested_by"]) == (boris.pk, olga.login)

    def test_takes_nothing_from_anybodys_day(self) -> None:
        approve(CreditRequestFactory.create(tokens=999_999), operator())
        assert not CreditAllowance.objects.exists()

    def test_again_by_the_same_person_is_the_same_credit(self) -> None:
        request, boris = CreditRequestFactory.create(), operator()
        row = approve(request, boris)
        before = snapshot()
        again = credit_requests.approve(request_id=request.pk, by=boris)
        assert (again.transaction, again.replayed) == (row, True)
        assert snapshot() == before

    def test_again_by_somebody_else_is_refused(self, unmoved: Unmoved) -> None:
        request, anna = CreditRequestFactory.create(), operator()
        approve(request, operator())
        with unmoved(errors.CreditRequestClosed) as refusal:
            approve(request, anna)
        assert refusal.value.data == {"state": "approved"}

    def test_is_refused_when_the_tokens_would_have_expired(self, unmoved: Unmoved, clock: TestClock) -> None:
        request = CreditRequestFactory.create(expires_at=database_clock.now() + timedelta(hours=1))
        boris = operator()
        clock.advance(hours=2)
        with unmoved(errors.ExpiryInThePast):
            approve(request, boris)

    def test_what_is_not_there_is_refused(self, unmoved: Unmoved) -> None:
        boris = operator()
        with unmoved(errors.CreditRequestNotFound):
            credit_requests.approve(request_id=uuid7(), by=boris)


class TestDeclining:
    def test_moves_nothing_and_says_why(self) -> None:
        request, boris = CreditRequestFactory.create(), StaffFactory.create(role="operator")
        credit_requests.decline(request_id=request.pk, reason=" too much ", by=actor_of(boris))
        request.refresh_from_db()
        assert (request.state, request.decided_by, request.refusal) == ("declined", boris, "too much")
        assert ledger(request.wallet) == []
        deed = AuditLog.objects.get(action="billing.credit_request.declined")
        assert (deed.user_id, deed.metadata["reason"]) == (boris.pk, "too much")
        assert AdminAlert.objects.get().status == "resolved"

    def test_without_a_reason_is_refused(self, unmoved: Unmoved) -> None:
        request, boris = CreditRequestFactory.create(), operator()
        with unmoved(ReasonMissing):
            credit_requests.decline(request_id=request.pk, reason=" ", by=boris)

    def test_what_was_approved_is_refused(self, unmoved: Unmoved) -> None:
        request, boris = CreditRequestFactory.create(), operator()
        approve(request, boris)
        with unmoved(errors.CreditRequestClosed):
            credit_requests.decline(request_id=request.pk, reason="too late", by=boris)


class TestTheDecider:
    """The operation itself asks who decides, whatever the door has asked."""

    def _refused(self, unmoved: Unmoved, error: Any, request: CreditRequest, by: Actor) -> None:
        with unmoved(error):
            credit_requests.approve(request_id=request.pk, by=by)
        with unmoved(error):
            credit_requests.decline(request_id=request.pk, reason="no", by=by)

    def test_is_never_the_one_who_asked(self, unmoved: Unmoved) -> None:
        for role in ("operator", "superadmin"):
            olga = StaffFactory.create(role=role)
            request = CreditRequestFactory.create(by=olga)
            self._refused(unmoved, errors.CreditRequestIsYourOwn, request, actor_of(olga))
            shell = Actor(kind="shell", id=str(olga.pk), label="olga", user_id=str(olga.pk))
            self._refused(unmoved, errors.CreditRequestIsYourOwn, request, shell)

    def test_is_not_the_owner_of_the_key_that_asked(self, unmoved: Unmoved) -> None:
        olga = StaffFactory.create(role="operator")
        request = give(key_of(olga), WalletFactory.create()).request
        assert request is not None
        assert request.requested_by == olga
        self._refused(unmoved, errors.CreditRequestIsYourOwn, request, actor_of(olga))

    def test_is_no_key_and_not_the_house_itself(self, unmoved: Unmoved) -> None:
        request = CreditRequestFactory.create()
        for by in (
            key_of(None),
            key_of(StaffFactory.create(role="superadmin")),
            SYSTEM,
            Actor(kind="job", id="x.y", label="x.y"),
        ):
            self._refused(unmoved, errors.CreditNotYoursToDecide, request, by)

    @pytest.mark.parametrize("role", ["support", "viewer", None])
    def test_has_the_right(self, unmoved: Unmoved, role: str | None) -> None:
        request = CreditRequestFactory.create()
        self._refused(unmoved, errors.CreditNotYoursToDecide, request, actor_of(StaffFactory.create(role=role)))

    def test_still_works_here(self, unmoved: Unmoved) -> None:
        request, boris = CreditRequestFactory.create(), StaffFactory.create(role="operator")
        User.objects.filter(pk=boris.pk).update(is_active=False)
        self._refused(unmoved, errors.CreditNotYoursToDecide, request, actor_of(boris))

    def test_may_decide_from_the_shell(self) -> None:
        boris = StaffFactory.create(role="superadmin")
        approve(
            CreditRequestFactory.create(), Actor(kind="shell", id=str(boris.pk), label="boris", user_id=str(boris.pk))
        )


class TestExpiring:
    def test_closes_what_nobody_decided_in_time(self, clock: TestClock) -> None:
        request, decided = CreditRequestFactory.create(), CreditRequestFactory.create()
        approve(decided, operator())
        assert credit_requests.sweep(by=SYSTEM) == 0
        clock.advance(hours=73)
        tasks.expire_credit_requests(by=SYSTEM)
        request.refresh_from_db()
        decided.refresh_from_db()
        assert (request.state, request.decided_by, decided.state) == ("expired", None, "approved")
        assert ledger(request.wallet) == []
        assert not AdminAlert.objects.exclude(status="resolved").exists()
        assert credit_requests.sweep(by=SYSTEM) == 0

    def test_leaves_what_was_decided_alone(self) -> None:
        request = CreditRequestFactory.create()
        approve(request, operator())
        assert not credit_requests.expire(request_id=request.pk, by=SYSTEM)

    def test_holds_before_the_sweeper_comes(self, unmoved: Unmoved, clock: TestClock) -> None:
        request, boris = CreditRequestFactory.create(), operator()
        clock.advance(hours=73)
        with unmoved(errors.CreditRequestClosed) as refusal:
            approve(request, boris)
        assert refusal.value.data == {"state": "expired"}

    def test_of_nothing_is_refused(self, unmoved: Unmoved) -> None:
        with unmoved(errors.CreditRequestNotFound):
            credit_requests.expire(request_id=uuid7(), by=SYSTEM)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_sixteen_who_approve_credit_once(self) -> None:
        request = CreditRequestFactory.create()
        colleagues = [operator() for _number in range(16)]
        ran = lined_up(request.wallet, *[lambda by=by: approve(request, by) for by in colleagues])
        assert len(ran.results) == 1
        assert ran.codes == {"billing.credit_request_closed": 15}
        assert ledger(request.wallet) == [("grant", 2_000, 2_000)]
        assert AuditLog.objects.filter(action="billing.grant.given").count() == 1

    def test_one_who_approves_sixteen_times_credits_once(self) -> None:
        request, boris = CreditRequestFactory.create(), operator()
        ran = lined_up(request.wallet, *[lambda: approve(request, boris)] * 16)
        assert len({row.pk for row in ran.results}) == 1
        assert ledger(request.wallet) == [("grant", 2_000, 2_000)]

    def test_approving_and_declining_have_one_outcome(self) -> None:
        for _time in range(4):
            request = CreditRequestFactory.create()
            anna, boris = operator(), operator()

            def decline(request: CreditRequest = request, by: Actor = boris) -> object:
                return credit_requests.decline(request_id=request.pk, reason="no", by=by)

            def say_yes(request: CreditRequest = request, by: Actor = anna) -> object:
                return approve(request, by)

            ran = lined_up(request.wallet, say_yes, decline)
            assert ran.codes == {"billing.credit_request_closed": 1}
            request.refresh_from_db()
            assert (len(ledger(request.wallet)) == 1) == (request.state == "approved")

    def test_asking_sixteen_times_with_one_key_is_one_request(self) -> None:
        wallet, olga = WalletFactory.create(), operator()
        ran = lined_up(wallet, *[lambda: give(olga, wallet)] * 16)
        assert [given.replayed for given in ran.results].count(False) == 1
        assert CreditRequest.objects.count() == 1

    def test_a_decider_without_a_lock_is_stopped_by_the_database(self) -> None:
        """Whoever reads that it waits and credits later meets the house's own key, and the trigger."""
        request = CreditRequestFactory.create()
        ran = outcomes(*[lambda: _credit_without_looking(request)] * 8)
        assert len({row.pk for row in ran.results}) == 1
        assert ledger(request.wallet) == [("grant", 2_000, 2_000)]

    def test_two_decisions_are_kept_without_the_trigger(self) -> None:
        """The negative control: the second one overwrites the first."""
        request, boris = CreditRequestFactory.create(), StaffFactory.create(role="operator")
        approve(request, actor_of(boris))
        declined = {
            "state": "declined",
            "refusal": "no",
            "transaction": None,
            "decided_by": StaffFactory.create(),
        }
        with without("billing_creditrequest", "billing_creditrequest_is_decided_once"):
            assert CreditRequest.objects.filter(pk=request.pk).update(**declined) == 1


def _credit_without_looking(request: CreditRequest) -> Transaction:
    return credits.add(
        wallet_id=request.wallet_id,
        type=Transaction.Type.GRANT,
        tokens=request.tokens,
        key=f"billing:credit_request:{request.pk}:approved",
        by=TESTER,
    ).transaction


def test_the_factory_makes_what_an_operator_asks_for() -> None:
    request = CreditRequestFactory.create(key=new_key())
    assert request.requested_by is not None
    assert request.requested_by.groups.filter(name="operator").exists()
