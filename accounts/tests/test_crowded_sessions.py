"""Nobody has more sessions than a person has devices: the oldest ends when another one is opened."""

from __future__ import annotations

import pytest

from accounts.models import Session
from accounts.operations.sessions import MOST_SESSIONS
from accounts.tests.factories import UserFactory, opened
from accounts.tests.visitors import ME, Visitor
from audit.models import AuditLog
from core.clock import CoreNow
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def living() -> int:
    return Session.objects.filter(revoked_at=None, expires_at__gt=CoreNow()).count()


def test_the_oldest_session_ends_when_one_too_many_is_opened() -> None:
    anna, olga = UserFactory.create_batch(2)
    oldest, second = opened(anna), opened(anna)
    other = opened(olga)
    for _device in range(MOST_SESSIONS - 2):
        opened(anna)
    assert Visitor(access=oldest.access).get(ME).status_code == 200
    opened(anna)
    assert Visitor(access=oldest.access).get(ME).status_code == 401
    oldest.session.refresh_from_db()
    assert oldest.session.revoked_for == Session.Ending.CROWDED_OUT
    assert AuditLog.objects.get(action="session.revoked").metadata["ending"] == "crowded_out"
    for kept in (second, other):
        assert Visitor(access=kept.access).get(ME).status_code == 200


def test_it_holds_however_many_are_opened_at_once() -> None:
    anna = UserFactory.create()
    for _device in range(MOST_SESSIONS - 3):
        opened(anna)
    race(*[lambda: opened(anna).session.pk] * 16)
    assert living() == MOST_SESSIONS
