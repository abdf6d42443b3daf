"""What the database itself refuses about people, companies and keys."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts.models import ApiKey, Company, Membership, User
from accounts.tests.factories import (
    ApiKeyFactory,
    CompanyFactory,
    MembershipFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_the_owner")]


def _sql(statement: str, *params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [str(param) for param in params])


def _check_deferred() -> None:
    _sql("SET CONSTRAINTS ALL IMMEDIATE")
    _sql("SET CONSTRAINTS ALL DEFERRED")


def _disable(trigger: str) -> None:
    # A table that has checks still to come cannot be altered.
    _check_deferred()
    _sql(f"ALTER TABLE accounts_user DISABLE TRIGGER {trigger}")


@pytest.fixture
def referred() -> User:
    return UserFactory.create(referred_by=UserFactory.create())


def _save(user: User, other: User | None) -> None:
    user.referred_by = other
    user.save()


def _bulk_update(user: User, other: User | None) -> None:
    user.referred_by = other
    User.objects.bulk_update([user], ["referred_by"])


REBINDINGS: dict[str, Callable[[User, User | None], object]] = {
    "save": _save,
    "bulk_update": _bulk_update,
    "update": lambda user, other: User.objects.filter(pk=user.pk).update(referred_by=other),
    "SQL": lambda user, other: _sql(
        "UPDATE accounts_user SET referred_by_id = nullif(%s::text, '')::uuid WHERE id = %s::uuid",
        other.pk if other else "",
        user.pk,
    ),
}


@pytest.mark.parametrize("rebind", REBINDINGS.values(), ids=REBINDINGS)
class TestReferrer:
    def test_is_bound_once(self, referred: User, rebind: Callable[[User, User | None], object]) -> None:
        first, other = referred.referred_by, UserFactory.create()

        with pytest.raises(IntegrityError, match="accounts user referrer is bound once"), transaction.atomic():
            rebind(referred, other)

        referred.refresh_from_db()
        assert referred.referred_by == first

    def test_is_not_bound_later(self, rebind: Callable[[User, User | None], object]) -> None:
        user, other = UserFactory.create_batch(2)

        with pytest.raises(IntegrityError, match="accounts user referrer is bound once"), transaction.atomic():
            rebind(user, other)

    def test_could_be_rebound_without_accounts_user_referrer_is_bound_once(
        self, referred: User, rebind: Callable[[User, User | None], object]
    ) -> None:
        _disable("accounts_user_referrer_is_bound_once")

        rebind(referred, UserFactory.create())

    def test_is_not_unbound(self, referred: User, rebind: Callable[[User, User | None], object]) -> None:
        def unbind() -> None:
            with transaction.atomic():
                rebind(referred, None)
                _check_deferred()

        with pytest.raises(IntegrityError) as refused:
            unbind()

        assert _constraint(refused.value) == "accounts_user_referrer_is_not_unbound"

    def test_could_be_unbound_without_accounts_user_referrer_is_not_unbound(
        self, referred: User, rebind: Callable[[User, User | None], object]
    ) -> None:
        _disable("accounts_user_referrer_is_not_unbound")

        rebind(referred, None)
        _check_deferred()


def _constraint(error: IntegrityError) -> str | None:
    cause = error.__cause__
    assert cause is not None
    name: str | None = cause.diag.constraint_name  # type: ignore[attr-defined]  # psycopg.Error
    return name


def test_referrer_is_let_go_when_they_are_deleted(referred: User) -> None:
    referrer = referred.referred_by
    assert referrer is not None

    referrer.delete()
    _check_deferred()

    referred.refresh_from_db()
    assert referred.referred_by is None


class TestCycles:
    """The foreign key is checked at the end of the transaction, so only triggers stand between us and a circle."""

    def test_cannot_be_made_by_inserting_both_at_once(self) -> None:
        first, second = UserFactory.build_batch(2)
        first.referred_by_id, second.referred_by_id = second.pk, first.pk

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            User.objects.bulk_create([first, second])

        assert _constraint(refused.value) == "accounts_user_referrer_came_earlier"
        assert not User.objects.exists()

    def test_could_be_made_without_accounts_user_referrer_came_earlier(self) -> None:
        first, second = UserFactory.build_batch(2)
        first.referred_by_id, second.referred_by_id = second.pk, first.pk
        _disable("accounts_user_referrer_came_earlier")

        User.objects.bulk_create([first, second])
        _check_deferred()

    def test_leave_room_for_chains_in_one_statement(self) -> None:
        first, second = UserFactory.build_batch(2)
        second.referred_by_id = first.pk

        User.objects.bulk_create([first, second])
        _check_deferred()


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"telegram_id": 0}, "accounts_user_telegram_id_is_positive"),
        ({"telegram_id": -5}, "accounts_user_telegram_id_is_positive"),
        ({"is_staff": True, "login": None}, "accounts_user_staff_has_a_login"),
        ({"anonymised_at": Now()}, "accounts_user_anonymised_is_nobody"),
        (
            {"anonymised_at": Now(), "telegram_id": None, "username": "", "is_active": False},
            "accounts_user_anonymised_is_nobody",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_a_person_who_cannot_be(values: dict[str, object], constraint: str) -> None:
    user = UserFactory.create()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        User.objects.filter(pk=user.pk).update(**values)


def test_refuses_a_person_who_brought_themselves() -> None:
    user = UserFactory.build()

    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory.create(id=user.pk, referred_by_id=user.pk)

    # Were it not for the referrer's having to be there before, the check would refuse.
    _disable("accounts_user_referrer_came_earlier")
    with pytest.raises(IntegrityError, match="accounts_user_refers_not_to_self"), transaction.atomic():
        UserFactory.create(id=user.pk, referred_by_id=user.pk)


@pytest.mark.parametrize(
    ("field", "constraint"),
    [
        ("telegram_id", "accounts_user_telegram_id_key"),
        ("login", "accounts_user_login_key"),
        ("referral_code", "accounts_user_referral_code_key"),
    ],
)
def test_refuses_a_second_person_with_the_same(field: str, constraint: str) -> None:
    first = UserFactory.create(login="olga")

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        UserFactory.create(**{field: getattr(first, field)})


def test_refuses_a_company_without_a_name() -> None:
    with pytest.raises(IntegrityError, match="accounts_company_has_a_name"), transaction.atomic():
        CompanyFactory.create(name="")

    assert not Company.objects.exists()


def test_refuses_a_second_place_in_one_company() -> None:
    place = MembershipFactory.create()

    with (
        pytest.raises(IntegrityError, match="accounts_membership_is_one_per_company_and_user"),
        transaction.atomic(),
    ):
        MembershipFactory.create(company=place.company, user=place.user)


def test_refuses_a_role_that_is_none() -> None:
    place = MembershipFactory.create()

    with pytest.raises(IntegrityError, match="accounts_membership_role_is_known"), transaction.atomic():
        Membership.objects.filter(pk=place.pk).update(role="king")


@pytest.mark.parametrize(
    ("values", "constraint"),
    [({"name": ""}, "accounts_apikey_has_a_name"), ({"scopes": []}, "accounts_apikey_has_a_scope")],
    ids=["name", "scopes"],
)
def test_refuses_a_key_without(values: dict[str, object], constraint: str) -> None:
    key = ApiKeyFactory.create()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**values)


def test_refuses_a_second_key_with_the_same_prefix() -> None:
    key = ApiKeyFactory.create()

    with pytest.raises(IntegrityError, match="accounts_apikey_prefix_key"), transaction.atomic():
        ApiKeyFactory.create(prefix=key.prefix)


def test_keeps_those_who_have_a_key_or_a_place() -> None:
    owner = ApiKeyFactory.create(owner=StaffFactory.create()).owner
    place = MembershipFactory.create()
    assert owner is not None

    _sql("SET CONSTRAINTS ALL IMMEDIATE")
    for person in (owner, place.user):
        with pytest.raises(IntegrityError, match="violates foreign key"), transaction.atomic():
            _sql("DELETE FROM accounts_user WHERE id = %s::uuid", person.pk)
