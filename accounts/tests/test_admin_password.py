"""Changing one's own password in Admin: by the house's operation, counted, and only here the session goes on."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.limits import PASSWORDS_OF_AN_ACCOUNT
from accounts.models import User
from accounts.tests.desks import Desk, errors, inside, location
from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, bearer_header
from accounts.tests.visitors import ME
from audit.models import AuditLog
from conftest import TestClock
from core.tests.buckets import fill

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/password_change/"
DONE = "/admin/password_change/done/"
NEW = "purple monkey dishwasher"


@pytest.fixture
def olga() -> User:
    found: User = StaffFactory.create(role="operator", login="olga")
    return found


def changes(desk: Desk, old: str = STAFF_PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    return desk.post(PAGE, old_password=old, new_password1=new, new_password2=again)


def deeds() -> list[AuditLog]:
    return list(AuditLog.objects.filter(action="accounts.password.changed"))


def test_is_a_deed_of_its_owner_at_this_door(olga: User) -> None:
    desk = Desk(ip="198.51.100.4")
    desk.logs_in(olga)
    before = AuditLog.objects.count()
    assert location(changes(desk)) == DONE
    (deed,) = deeds()
    assert (deed.user_id, deed.actor["label"], deed.entity_id) == (olga.pk, "olga", str(olga.pk))
    assert (deed.metadata["door"], deed.metadata["ip"]) == ("admin", "198.51.100.4")
    # The row's own record names the same: nothing is told as the house itself.
    rows = list(AuditLog.objects.order_by("id")[before:])
    assert {row.user_id for row in rows} == {olga.pk}
    assert Desk().logs_in(olga).status_code == 200, "the old one is wrong now"
    again = Desk()
    again.logs_in(olga, NEW)
    assert again.is_in


def test_ends_every_session_but_this_one(olga: User, clock: TestClock) -> None:
    here, phone = inside(olga)
    clock.advance(seconds=60)
    there = Desk()
    there.logs_in(olga)
    there.shows(phone.shows())
    over_the_api = bearer_header(olga)
    assert there.is_in
    assert here.client.get(ME, headers=over_the_api).status_code == 200
    key = here.session_key
    changes(here)
    assert here.is_in
    assert here.session_key != key
    assert not there.is_in
    assert here.client.get(ME, headers=over_the_api).status_code == 401


@pytest.mark.parametrize(
    ("typed", "field", "why"),
    [
        ({"old": "wrong"}, "old_password", "The present password is wrong."),
        ({"new": "1234567890", "again": "1234567890"}, "new_password2", "too common"),
        ({"again": "purple monkey"}, "new_password2", "match"),
    ],
)
def test_refuses_beside_the_field(olga: User, typed: dict[str, str], field: str, why: str) -> None:
    desk = Desk()
    desk.logs_in(olga)
    refused = changes(desk, **typed)
    assert why in str(refused.context["form"].errors[field])
    assert why in refused.content.decode()
    assert deeds() == []
    olga.refresh_from_db()
    assert olga.check_password(STAFF_PASSWORD)
    assert desk.is_in


class TestGuessing:
    def test_is_slowed_down_with_a_page(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        assert [changes(desk, old=f"guess {number}").status_code for number in range(10)] == [200] * 10
        refused = changes(desk)
        assert (refused.status_code, "Too many" in refused.content.decode()) == (429, True)
        assert 0 < int(refused["Retry-After"]) <= 90
        assert refused["Content-Type"].startswith("text/html")
        assert deeds() == []

    def test_has_the_bucket_of_the_api(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        fill(PASSWORDS_OF_AN_ACCOUNT, str(olga.pk))
        assert changes(desk).status_code == 429

    def test_is_not_what_a_form_does_that_lacks_something(self, olga: User) -> None:
        desk = Desk()
        desk.logs_in(olga)
        for _try in range(12):
            assert errors(changes(desk, again="something else"))
        assert location(changes(desk)) == DONE
