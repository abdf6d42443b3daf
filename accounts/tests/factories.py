"""People, companies and keys for tests."""

from __future__ import annotations

from functools import cache
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from accounts.models import ApiKey, Company, Membership, Session, User
from accounts.operations import sessions
from accounts.operations.sessions import Tokens
from accounts.people import actor_of
from accounts.rules import keys
from core.actors import under

STAFF_PASSWORD = "correct horse battery staple"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"
ADDRESS = "192.0.2.7"


# Hashing is slow on purpose; one hash does for all.
_hashed = cache(make_password)


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A customer who came from Telegram. Billing's own factories give them a wallet."""

    class Meta:
        model = User

    telegram_id = factory.Sequence(lambda n: 710_000_000 + n)
    username = factory.Sequence(lambda n: f"customer_{n}")
    first_name = factory.Sequence(lambda n: f"Customer {n}")


class StaffFactory(factory.django.DjangoModelFactory[User]):
    """
    Somebody who may enter the Admin with ``STAFF_PASSWORD``: ``StaffFactory.create(role="operator")``,
    ``StaffFactory.create(is_superuser=True)``.
    """

    class Meta:
        model = User
        skip_postgeneration_save = True

    login = factory.Sequence(lambda n: f"staff_{n}")
    password = factory.LazyFunction(lambda: _hashed(STAFF_PASSWORD))
    first_name = factory.Sequence(lambda n: f"Staff {n}")
    is_staff = True

    @factory.post_generation
    def role(self: Any, create: bool, extracted: str | None, **kwargs: Any) -> None:
        if extracted:
            self.groups.add(Group.objects.get(name=extracted))


class CompanyFactory(factory.django.DjangoModelFactory[Company]):
    class Meta:
        model = Company

    name = factory.Sequence(lambda n: f"Company {n}")


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    company = factory.SubFactory(CompanyFactory)
    user = factory.SubFactory(UserFactory)


class ApiKeyFactory(factory.django.DjangoModelFactory[ApiKey]):
    """A key. A test that sends it makes the secret first: ``ApiKeyFactory.create(key=keys.new())``."""

    class Meta:
        model = ApiKey

    class Params:
        key = factory.LazyFunction(keys.new)

    name = factory.Sequence(lambda n: f"Bot {n}")
    prefix = factory.LazyAttribute(lambda row: row.key.prefix)
    secret_hash = factory.LazyAttribute(lambda row: row.key.digest)
    scopes = factory.LazyFunction(lambda: ["users:read"])


def api_key_header(*scopes: str, **fields: Any) -> dict[str, str]:
    """The headers of a server whose new key has these scopes: ``client.get(url, headers=...)``."""
    key = keys.new()
    ApiKeyFactory.create(key=key, scopes=list(scopes), **fields)
    return {"Authorization": f"Api-Key {key}"}


def opened(user: User, *, ip: str = ADDRESS, user_agent: str = BROWSER) -> Tokens:
    """A session of a person, as if they had come in through the Mini App."""
    with under(ip=ip):
        return sessions.open(user_id=user.pk, way=Session.Way.TELEGRAM, user_agent=user_agent, by=actor_of(user))


def bearer_header(user: User) -> dict[str, str]:
    """The headers of a person in a new session: ``client.get(url, headers=...)``."""
    return {"Authorization": f"Bearer {opened(user).access}"}
