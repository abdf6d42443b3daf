"""How many tokens somebody may give by hand in a day: by whom, through which door, and whoever hurries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Barrier
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from accounts.models import User
from accounts.people import actor_of
from accounts.roles import ROLES
from accounts.tests.factories import ApiKeyFactory, StaffFactory, UserFactory
from billing import errors
from billing.models import CreditAllowance, CreditRequest, Transaction, Wallet
from billing.operations import credit_allowances, grants
from billing.operations.grants import Given
from billing.owners import Owner
from billing.queries.credit_limits import find_giver, get_today
from billing.runtime_settings import CREDIT_DAILY_LIMITS
from billing.tests.factories import TESTER, WalletFactory, new_key
from billing.tests.races import outcomes, without
from billing.tests.snapshots import Unmoved
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM, Actor, under
from core.operations import settings
from core.runtime_settings import forget_cached

pytestmark = pytest.mark.django_db

MOSCOW: Final = ZoneInfo("Europe/Moscow")


def give(by: Actor, tokens: int = 10, *, wallet: Wallet | None = None, key: str | None = None) -> Given:
    wallet = wallet or WalletFactory.create()
    return grants.give(owner=Owner.wallet(wallet.pk), tokens=tokens, reason="an apology", key=key or new_key(), by=by)


def set_to(**values: int) -> None:
    """Settings of billing, in force at once."""
    for name, value in values.items():
        settings.change(key=f"billing.{name}", value=value, reason="a test", by=SYSTEM)
    forget_cached()


@contextmanager
def refused() -> Iterator[pytest.ExceptionInfo[errors.CreditLimitReached]]:
    """The day has no more; the test goes on."""
    with pytest.raises(errors.CreditLimitReached) as refusal, transaction.atomic():
        yield refusal


def colleague(role: str | None, **fields: Any) -> Actor:
    return actor_of(StaffFactory.create(role=role, **fields))


def key_of(owner: User | None = None) -> Actor:
    row = ApiKeyFactory.create(owner=owner, scopes=["grants:write"])
    return Actor(kind="api_key", id=str(row.pk), label=row.name, user_id=str(owner.pk) if owner else None)


def shell_of(person: Actor) -> Actor:
    return Actor(kind="shell", id=person.id, label=person.label, user_id=person.id)


def used() -> dict[str, int]:
    return dict(CreditAllowance.objects.values_list("giver", "used_tokens"))


class TestEachRole:
    @pytest.mark.parametrize("role", CREDIT_DAILY_LIMITS)
    def test_gives_up_to_its_limit_and_no_more(self, unmoved: Unmoved, role: str) -> None:
        set_to(**{f"credit_daily_limit_{role}": 30})
        person = colleague(role)
        for _number in range(3):
            give(person)
        wallet = WalletFactory.create()
        with unmoved(errors.CreditLimitReached) as refusal:
            give(person, 1, wallet=wallet)
        facts = refusal.value.data
        assert (facts["required"], facts["limit"], facts["used"]) == (1, 30, 30)
        assert used() == {f"user:{person.id}": 30}

    def test_that_credits_has_a_limit_and_no_other_has(self) -> None:
        crediting = {role.name for role in ROLES.values() if role.allows("billing", "credit_wallet")}
        assert crediting == set(CREDIT_DAILY_LIMITS)

    def test_of_several_the_largest_counts(self) -> None:
        set_to(credit_daily_limit_support=10, credit_daily_limit_operator=20)
        person = StaffFactory.create(role="support")
        person.groups.add(*StaffFactory.create(role="operator").groups.all())
        give(actor_of(person), 20)

    def test_of_a_superuser_is_superadmin(self) -> None:
        set_to(credit_daily_limit_superadmin=20)
        give(colleague(None, is_superuser=True), 20)


class TestNothing:
    """What whoever has no allowance gives."""

    def test_is_given_by_somebody_without_such_a_role(self, unmoved: Unmoved) -> None:
        for role in ("viewer", None):
            person, wallet = colleague(role), WalletFactory.create()
            with unmoved(errors.CreditLimitReached) as refusal:
                give(person, 1, wallet=wallet)
            assert refusal.value.data["limit"] == 0

    def test_is_given_by_a_customer(self, unmoved: Unmoved) -> None:
        customer, wallet = actor_of(UserFactory.create()), WalletFactory.create()
        with unmoved(errors.CreditLimitReached):
            give(customer, 1, wallet=wallet)

    def test_is_given_by_a_colleague_who_is_kept_out(self, unmoved: Unmoved) -> None:
        person, wallet = colleague("operator", is_active=False), WalletFactory.create()
        with unmoved(errors.CreditLimitReached):
            give(person, 1, wallet=wallet)

    def test_is_given_by_nobody_through_a_door_of_people(self, unmoved: Unmoved) -> None:
        wallet = WalletFactory.create()
        for by in (SYSTEM, Actor(kind="job", id="x.y", label="x.y")):
            for door in ("admin", "api", "shell"):
                with under(door=door), unmoved(errors.CreditByNobody):
                    give(by, 1, wallet=wallet)


class TestOneHand:
    """Through whichever door a colleague gives, it is one allowance."""

    def test_is_the_same_in_admin_and_in_the_shell(self) -> None:
        set_to(credit_daily_limit_operator=20)
        person = colleague("operator")
        give(person)
        give(shell_of(person))
        for by in (person, shell_of(person)):
            with refused():
                give(by, 1)

    def test_is_the_same_through_every_key_that_they_own(self) -> None:
        set_to(credit_daily_limit_operator=20)
        owner = StaffFactory.create(role="operator")
        for by in (key_of(owner), key_of(owner)):
            give(by)
        for by in (key_of(owner), actor_of(owner)):
            with refused():
                give(by, 1)
        assert used() == {f"user:{owner.pk}": 20}

    def test_is_not_another_colleagues(self) -> None:
        set_to(credit_daily_limit_operator=10)
        give(colleague("operator"))
        give(colleague("operator"))


class TestServers:
    def test_have_a_limit_for_each_key(self, unmoved: Unmoved) -> None:
        set_to(credit_daily_limit_api_key=20)
        bot = key_of()
        give(bot, 20)
        give(key_of(), 20)
        wallet = WalletFactory.create()
        with unmoved(errors.CreditLimitReached):
            give(bot, 1, wallet=wallet)

    def test_of_somebody_who_does_not_work_here_are_servers(self) -> None:
        set_to(credit_daily_limit_api_key=20)
        bot = key_of(UserFactory.create())
        give(bot, 20)
        assert used() == {f"api_key:{bot.id}": 20}


def test_the_house_itself_has_no_hands() -> None:
    """Demo data, jobs and tests: what they give was decided in code."""
    assert give(TESTER, 10**9).transaction is not None
    assert used() == {}


def test_an_allowance_itself_refuses_more_than_it_has(unmoved: Unmoved) -> None:
    support = colleague("support")
    giver = find_giver(support)
    assert giver is not None
    with unmoved(errors.CreditLimitReached):
        credit_allowances.take(giver=giver, tokens=101, by=support)


def test_a_replay_takes_nothing_more() -> None:
    set_to(credit_daily_limit_operator=10)
    person, wallet = colleague("operator"), WalletFactory.create()
    first = give(person, 10, wallet=wallet, key="mine")
    again = give(person, 10, wallet=wallet, key="mine")
    assert (again.transaction, again.replayed) == (first.transaction, True)
    assert used() == {f"user:{person.id}": 10}


def test_a_limit_that_was_lowered_holds_at_once_and_takes_nothing_back() -> None:
    person = colleague("operator")
    give(person, 50)
    set_to(credit_daily_limit_operator=40)
    with refused() as refusal:
        give(person, 1)
    assert (refusal.value.data["limit"], refusal.value.data["used"]) == (40, 50)


class TestADay:
    def test_is_the_houses_and_ends_at_its_midnight(self, clock: TestClock) -> None:
        set_to(credit_daily_limit_operator=10)
        person = colleague("operator")
        give(person)
        with refused() as refusal:
            give(person, 1)
        resets_at = refusal.value.data["resets_at"]
        assert isinstance(resets_at, datetime)
        now = database_clock.now()
        local = resets_at.astimezone(MOSCOW)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
        assert 0 < (resets_at - now).total_seconds() <= 25 * 3600

        clock.advance(seconds=(resets_at - now).total_seconds() - 1)
        with refused():
            give(person, 1)
        clock.advance(seconds=2)
        give(person, 10)
        assert CreditAllowance.objects.count() == 2

    def test_begins_with_nothing_used(self) -> None:
        person = colleague("operator")
        giver = find_giver(person)
        assert giver is not None
        assert get_today(giver).used == 0
        give(person, 7)
        assert get_today(giver).used == 7


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Sixteen credits of one colleague to sixteen customers, each on a connection of its own."""

    def _race(self, by: Actor, tokens: int) -> tuple[int, int]:
        wallets = [WalletFactory.create() for _number in range(16)]
        ran = outcomes(*[lambda wallet=wallet: give(by, tokens, wallet=wallet) for wallet in wallets])
        assert set(ran.codes) <= {"billing.credit_limit_reached"}
        moved = Transaction.objects.filter(type="grant").aggregate(sum=Sum("tokens_delta"))["sum"]
        return len(ran.results), moved

    def test_never_give_more_than_the_day_has(self) -> None:
        set_to(credit_daily_limit_operator=55)
        person = colleague("operator")
        assert self._race(person, 10) == (5, 50)
        assert used() == {f"user:{person.id}": 50}

    def test_never_give_more_through_a_key(self) -> None:
        set_to(credit_daily_limit_api_key=30)
        assert self._race(key_of(), 10) == (3, 30)

    def test_give_more_where_the_day_is_read_first_and_written_later(self) -> None:
        """The negative control: without the conditional statement and the row's own wall, everybody gets through."""
        set_to(credit_daily_limit_operator=55)
        person = colleague("operator")
        with without(
            "billing_creditallowance",
            "billing_creditallowance_is_not_exceeded",
            "billing_creditallowance_is_one_per_giver_and_day",
        ):
            all_have_read = Barrier(16)
            outcomes(*[lambda: read_first_and_write_later(person.id, 10, limit=55, then=all_have_read)] * 16)
            assert CreditAllowance.objects.aggregate(sum=Sum("used_tokens"))["sum"] > 55

    def test_are_stopped_by_the_rows_own_wall_if_by_nothing_else(self) -> None:
        give(colleague("operator"), 50)
        with (
            pytest.raises(Exception, match="billing_creditallowance_is_not_exceeded"),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE billing_creditallowance SET used_tokens = limit_tokens + 1")


def read_first_and_write_later(person: str, tokens: int, *, limit: int, then: Barrier) -> None:
    given = sum(CreditAllowance.objects.filter(giver=f"user:{person}").values_list("used_tokens", flat=True))
    then.wait(timeout=30)
    if given + tokens <= limit:
        CreditAllowance.objects.create(
            giver=f"user:{person}",
            day=database_clock.now().date(),
            used_tokens=tokens,
            limit_tokens=limit,
        )


def test_nothing_waits_that_one_may_give_alone() -> None:
    person = colleague("operator")
    assert give(person, 1_000).request is None
    assert not CreditRequest.objects.exists()
