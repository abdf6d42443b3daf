from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import balances, errors, events, queries
from accounts.balances import BalanceView
from accounts.models import User
from accounts.operations import users
from accounts.tests.factories import StaffFactory, UserFactory
from audit.models import AuditLog
from core.actors import SYSTEM, Actor
from core.database_roles import as_owner
from core.errors import DomainError, ReasonMissing, ValidationFailed
from core.tests.racing import race

pytestmark = pytest.mark.django_db

BOT = Actor(kind="api_key", id="k", label="bot")

meet = partial(users.get_or_create_from_telegram, by=BOT)


@pytest.fixture
def announced() -> Iterator[list[tuple[UUID, Actor]]]:
    """Whom a listener heard of; nobody else listens."""
    heard: list[tuple[UUID, Actor]] = []
    before = events._when_user_created.copy()
    events._when_user_created[:] = [lambda user_id, by: heard.append((user_id, by))]
    yield heard
    events._when_user_created[:] = before


def _have_the_next_draw(code: str, *, times: int) -> None:
    """Lead chance: this referral code is drawn so many times, and only then one that nobody has."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE SEQUENCE draws;
            CREATE FUNCTION draw() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                IF nextval('draws') <= {times} THEN NEW.referral_code := '{code}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER draw BEFORE INSERT ON accounts_user FOR EACH ROW EXECUTE FUNCTION draw();
            """
        )


def _everybody() -> list[dict[str, object]]:
    return [dict(row) for row in User.objects.order_by("pk").values()]


class TestFirstSight:
    def test_makes_a_person_of_what_telegram_tells(self, announced: list[tuple[UUID, Actor]]) -> None:
        user, is_new = meet(
            telegram_id=7,
            username="anna",
            first_name="Anna",
            last_name="Lee",
            language_code="ru",
            is_premium=True,
        )

        assert is_new
        assert User.objects.get() == user
        assert (user.telegram_id, user.username, user.first_name, user.last_name) == (7, "anna", "Anna", "Lee")
        assert (user.language_code, user.is_premium, user.is_staff, user.is_active) == ("ru", True, False, True)
        assert len(user.referral_code) == 8
        assert not user.has_usable_password()
        assert announced == [(user.pk, BOT)]

    def test_names_the_bot_in_the_audit_log(self) -> None:
        user, _is_new = meet(telegram_id=7)

        log = AuditLog.objects.get(action="accounts.user.created", entity_id=str(user.pk))
        assert log.actor == {"kind": "api_key", "id": "k", "label": "bot"}

    def test_binds_the_referrer(self) -> None:
        referrer = UserFactory.create()

        user, _is_new = meet(telegram_id=7, referral_code=f" {referrer.referral_code.lower()} ")

        assert user.referred_by == referrer

    @pytest.mark.parametrize("code", [None, ""])
    def test_binds_nobody_without_a_code(self, code: str | None) -> None:
        assert meet(telegram_id=7, referral_code=code)[0].referred_by is None

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("is_active", [True, False], ids=["unknown", "of somebody kept out"])
    def test_refuses_a_code_that_is(self, is_active: bool, announced: list[tuple[UUID, Actor]]) -> None:
        kept_out = UserFactory.create(is_active=False)
        before = _everybody()

        with pytest.raises(errors.ReferralCodeUnknown):
            meet(telegram_id=7, referral_code="NOBODY" if is_active else kept_out.referral_code)

        assert _everybody() == before
        assert announced == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("telegram_id", [0, -1, 2**63])
    def test_refuses_an_id_that_telegram_does_not_give(self, telegram_id: int) -> None:
        with pytest.raises(ValidationFailed) as refused:
            meet(telegram_id=telegram_id)

        assert list(refused.value.fields) == ["telegram_id"]
        assert _everybody() == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(("field", "length"), [("username", 65), ("first_name", 256), ("language_code", 17)])
    def test_refuses_what_is_too_long(self, field: str, length: int) -> None:
        told: dict[str, Any] = {field: "x" * length}

        with pytest.raises(ValidationFailed) as refused:
            meet(telegram_id=7, **told)

        assert list(refused.value.fields) == [field]
        assert _everybody() == []

    @pytest.mark.django_db(transaction=True)
    def test_makes_nobody_when_a_listener_fails(self, announced: list[tuple[UUID, Actor]]) -> None:
        def fail(user_id: UUID, by: Actor) -> None:
            raise ZeroDivisionError

        events.on_user_created(fail)

        with pytest.raises(ZeroDivisionError):
            meet(telegram_id=7)

        assert _everybody() == []

    def test_takes_another_referral_code_when_a_random_one_is_taken(self) -> None:
        _have_the_next_draw("TAKEN000", times=3)

        first, _is_new = meet(telegram_id=6)
        second, is_new = meet(telegram_id=7)

        assert first.referral_code == "TAKEN000"
        assert is_new
        assert second.referral_code != "TAKEN000"


class TestSecondSight:
    def test_knows_the_person(self, announced: list[tuple[UUID, Actor]]) -> None:
        user = UserFactory.create(telegram_id=7, username="anna")

        assert meet(telegram_id=7, username="anna") == (user, False)
        assert announced == []

    def test_writes_nothing_when_nothing_changed(self) -> None:
        UserFactory.create(telegram_id=7, username="anna")

        with CaptureQueriesContext(connection) as captured:
            meet(telegram_id=7, username="anna")

        assert not [query for query in captured if query["sql"].startswith(("UPDATE", "INSERT"))]

    def test_brings_up_to_date_what_changed_and_leaves_what_was_not_told(self) -> None:
        before = UserFactory.create(telegram_id=7, username="anna", first_name="Anna", last_name="Lee")

        user, _is_new = meet(telegram_id=7, username="", first_name="Ann")

        user.refresh_from_db()
        assert (user.username, user.first_name, user.last_name) == ("", "Ann", "Lee")
        assert user.updated_at > before.updated_at

    def test_never_binds_a_referrer_later(self) -> None:
        UserFactory.create(telegram_id=7)
        referrer = UserFactory.create()

        assert meet(telegram_id=7, referral_code=referrer.referral_code)[0].referred_by is None
        assert meet(telegram_id=7, referral_code="NOBODY")[0].referred_by is None


@pytest.mark.django_db(transaction=True)
class TestFirstMessagesAtOnce:
    def test_make_one_person_and_announce_them_once(self, announced: list[tuple[UUID, Actor]]) -> None:
        met = race(*[partial(meet, telegram_id=7, username=f"name_{number}") for number in range(50)])

        user = User.objects.get()
        assert {person.pk for person, _is_new in met} == {user.pk}
        assert [is_new for _person, is_new in met].count(True) == 1
        assert announced == [(user.pk, BOT)]

    def test_would_make_many_without_accounts_user_telegram_id_key(self) -> None:
        constraint = "accounts_user_telegram_id_key"
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE accounts_user DROP CONSTRAINT {constraint}")
            try:
                race(*[partial(meet, telegram_id=7)] * 8)
                assert User.objects.count() > 1
            finally:
                cursor.execute("TRUNCATE accounts_user CASCADE")
                cursor.execute(f"ALTER TABLE accounts_user ADD CONSTRAINT {constraint} UNIQUE (telegram_id)")


class TestUpdating:
    def test_changes_what_is_told(self) -> None:
        user = UserFactory.create(last_name="Lee")

        changed = users.update(user_id=user.pk, by=BOT, first_name="Ann", timezone="Asia/Kolkata", is_premium=True)

        assert (changed.first_name, changed.last_name, changed.timezone) == ("Ann", "Lee", "Asia/Kolkata")
        assert changed.is_premium

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(
        ("changes", "field"), [({"timezone": "Moscow"}, "timezone"), ({"username": "x" * 65}, "username")]
    )
    def test_refuses_what_cannot_be(self, changes: dict[str, Any], field: str) -> None:
        user = UserFactory.create()
        before = _everybody()

        with pytest.raises(ValidationFailed) as refused:
            users.update(user_id=user.pk, by=BOT, first_name="Ann", **changes)

        assert list(refused.value.fields) == [field]
        assert _everybody() == before


class TestKeepingOut:
    def test_keeps_out_and_lets_in_again(self) -> None:
        user = UserFactory.create()

        assert not users.set_active(user_id=user.pk, is_active=False, by=SYSTEM, reason="abuse").is_active
        assert users.set_active(user_id=user.pk, is_active=True, by=SYSTEM, reason="mistake").is_active

        deeds = AuditLog.objects.filter(entity_id=str(user.pk), action__contains="activated").order_by("id")
        assert [(deed.action, deed.metadata["reason"]) for deed in deeds] == [
            ("accounts.user.deactivated", "abuse"),
            ("accounts.user.activated", "mistake"),
        ]

    def test_says_nothing_the_second_time(self) -> None:
        user = UserFactory.create()

        users.set_active(user_id=user.pk, is_active=True, by=SYSTEM, reason="sure")

        assert not AuditLog.objects.filter(action="accounts.user.activated").exists()


@pytest.mark.django_db(transaction=True)
class TestRefusals:
    def test_name_a_person_there_is_not(self) -> None:
        nobody = uuid4()
        calls = [
            partial(users.update, user_id=nobody, by=BOT, first_name="x"),
            partial(users.set_active, user_id=nobody, is_active=False, by=BOT, reason="x"),
            partial(users.anonymise, user_id=nobody, by=BOT, reason="x"),
            partial(users.set_role, user_id=nobody, role=None, by=SYSTEM, reason="x"),
            partial(queries.get_user, nobody),
            partial(queries.get_user_by_telegram_id, 7),
            partial(queries.get_staff, "nobody"),
        ]
        for call in calls:
            with pytest.raises(errors.UserNotFound):
                call()

        assert not AuditLog.objects.filter(entity_type="accounts.user").exists()

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_ask_for_a_reason(self, reason: str) -> None:
        user = StaffFactory.create()
        before = _everybody()
        calls = [
            partial(users.set_active, user_id=user.pk, is_active=False, by=SYSTEM, reason=reason),
            partial(users.anonymise, user_id=user.pk, by=SYSTEM, reason=reason),
            partial(users.set_role, user_id=user.pk, role="viewer", by=SYSTEM, reason=reason),
        ]
        for call in calls:
            with pytest.raises(ReasonMissing):
                call()

        assert _everybody() == before

    def test_leave_the_forgotten_alone(self) -> None:
        user = users.anonymise(user_id=UserFactory.create().pk, by=SYSTEM, reason="asked for it")
        before = _everybody()
        calls: list[Callable[[], object]] = [
            partial(users.update, user_id=user.pk, by=BOT, first_name="Anna"),
            partial(users.set_active, user_id=user.pk, is_active=True, by=SYSTEM, reason="x"),
        ]
        for call in calls:
            with pytest.raises(errors.UserAnonymised):
                call()

        assert _everybody() == before


class TestFinding:
    @pytest.mark.parametrize(
        "text", ["{user.pk}", "{user.telegram_id}", "{user.login}", "{user.referral_code}", "@ANNA", " anna "]
    )
    def test_finds_a_person_by_what_support_pastes(self, text: str) -> None:
        user = UserFactory.create(username="Anna", login="anna.lee")
        UserFactory.create()

        assert queries.find_user(text.format(user=user)) == user

    @pytest.mark.parametrize("text", ["", "@", "twin", "nobody", "9" * 30, "%"])
    def test_finds_nobody_by_what_does_not_mean_one_person(self, text: str) -> None:
        UserFactory.create_batch(2, username="twin")

        assert queries.find_user(text) is None

    @pytest.mark.parametrize(
        ("search", "found"),
        [("ann", ["Anna", "anne"]), ("ANNA", ["Anna"]), ("lo_gin", ["x"]), ("700", []), ("7001", ["y"]), ("_nn", [])],
    )
    def test_searches_by_beginnings(self, search: str, found: list[str]) -> None:
        for fields in ({"username": "Anna"}, {"username": "anne"}, {"username": "x", "login": "lo_gin_1"}):
            UserFactory.create(**fields)
        UserFactory.create(username="y", telegram_id=7001)

        assert sorted(user.username for user in queries.list_users(search=search)) == found

    def test_lists_everybody_newest_first(self) -> None:
        first, second = UserFactory.create(), UserFactory.create()

        assert list(queries.list_users()) == [second, first]

    def test_searches_names_by_their_index(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = queries.list_users(search="ann").order_by().explain()

        assert "accounts_user_by_name_prefix" in plan


class TestBalances:
    @pytest.fixture(autouse=True)
    def _reader(self) -> Iterator[None]:
        before = balances._readers.copy()
        yield
        balances._readers[:] = before

    def test_are_read_through_whoever_keeps_them(self) -> None:
        user = UserFactory.create()
        balances.register_balance_reader(lambda user_ids: dict.fromkeys(user_ids, BalanceView(70, 2)))

        assert (user.token_balance, user.balance_version, user.subscription_end) == (70, 2, None)

    def test_are_zero_where_nobody_keeps_them(self) -> None:
        balances._readers.clear()

        assert balances.balance_of(UserFactory.create().pk) == BalanceView(0, 0, None)

    def test_are_zero_for_whom_the_keeper_does_not_know(self) -> None:
        balances.register_balance_reader(lambda user_ids: dict.fromkeys(user_ids[:0], BalanceView(70, 2)))

        assert UserFactory.create().token_balance == 0

    def test_are_asked_for_once_for_many(self) -> None:
        asked: list[list[UUID]] = []

        def read(user_ids: list[UUID]) -> dict[UUID, BalanceView]:
            asked.append(user_ids)
            return {}

        balances.register_balance_reader(read)
        ids = [uuid4(), uuid4()]

        assert balances.balances_of(ids) == dict.fromkeys(ids, BalanceView())
        assert balances.balances_of([]) == {}
        assert asked == [ids]


def test_every_refusal_is_known_to_the_catalogue() -> None:
    own = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, DomainError)}

    assert {error.code.partition(".")[0] for error in own - {DomainError}} == {"accounts", "auth"}
