"""
A login that exists and one that does not cannot be told apart, by what is answered or by when (RELIABILITY S08): over
the API and in Admin, for whomever it is that exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, Final

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client

from accounts.models import User
from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, UserFactory
from accounts.tests.visitors import Visitor
from core.models import Throttle
from core.tests.guards import execute

pytestmark = pytest.mark.django_db(transaction=True)

TRIES: Final = 300
WITHIN: Final = 0.1

Answer = Any


def people() -> dict[str, str]:
    """Logins of all kinds of people, and of nobody: as long as each other, and no words that a page might have."""
    StaffFactory.create(login="qz-staff")
    StaffFactory.create(login="qz-super", is_superuser=True)
    StaffFactory.create(login="qz-gone-", is_active=False)
    StaffFactory.create(login="qz-guest", is_staff=False)
    customer = UserFactory.create(login="qz-buyer")
    customer.set_unusable_password()
    customer.save()
    return {
        "nobody": "qz-nobod",
        "staff": "qz-staff",
        "superuser": "qz-super",
        "deactivated": "qz-gone-",
        "not staff": "qz-guest",
        "customer without a password": "qz-buyer",
    }


def api(login: str, password: str = "wrong") -> Answer:
    return Visitor().logs_in(login, password)


def admin(login: str, password: str = "wrong") -> Answer:
    form = {"username": login, "password": password, "next": "/admin/"}
    return Client(headers={"Accept-Language": "en"}).post("/admin/login/", form)


def medians(ways: Mapping[str, Callable[[], object]], tries: int) -> dict[str, float]:
    """Seconds that each takes, in turns, so that what else the machine does falls on all of them."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _try in range(tries):
        for name, way in ways.items():
            execute("DELETE FROM core_throttle")
            begun = time.perf_counter()
            way()
            took[name].append(time.perf_counter() - begun)
    return {name: median(each) for name, each in took.items()}


def differences(ways: Mapping[str, Callable[[], object]], tries: int) -> dict[str, float]:
    """By which part of nobody's time each differs from it."""
    found = medians(ways, tries)
    return {name: abs(seconds - found["nobody"]) / found["nobody"] for name, seconds in found.items()}


@pytest.mark.parametrize("door", [api, admin])
def test_what_is_answered_is_the_same(door: Callable[[str], Answer]) -> None:
    told = set()
    for login in people().values():
        Throttle.objects.all().delete()
        answer = door(login)
        # The request's id and the present second are everybody's.
        headers = {name: value for name, value in answer.headers.items() if name not in {"X-Request-ID", "Expires"}}
        body = answer.content.decode().replace(answer.headers["X-Request-ID"], "").replace(login, "")
        if door is admin:
            # Each form has a token of its own against forgery.
            body = body.replace(str(answer.context["csrf_token"]), "")
        told.add((answer.status_code, body, tuple(sorted(headers.items()))))
    assert len(told) == 1


def test_right_passwords_of_those_who_may_not_enter_are_answered_like_wrong_ones() -> None:
    logins = people()
    gone = logins["deactivated"]
    assert api(gone, STAFF_PASSWORD).json()["code"] == api(gone).json()["code"] == "auth.login_refused"
    for kind in ("deactivated", "not staff"):
        right, wrong = admin(logins[kind], STAFF_PASSWORD), admin(logins[kind])
        assert (right.status_code, wrong.status_code) == (200, 200)
        assert right.context["form"].errors == wrong.context["form"].errors


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("door", "kinds"),
    [(api, ("staff", "deactivated", "customer without a password")), (admin, ("staff", "not staff"))],
    ids=["api", "admin"],
)
def test_how_long_it_takes_is_the_same(door: Callable[[str], Answer], kinds: tuple[str, ...]) -> None:
    """
    Medians within 10 % of nobody's, each of 300 tries in turns. On a busy machine chance alone may part two of them:
    those that differ are measured once more, of twice as many tries, and then it counts. A true difference stays.
    """
    logins = people()
    ways = {name: (lambda login=logins[name]: door(login)) for name in ("nobody", *kinds)}
    differences(ways, 3)  # to warm up
    apart = [name for name, part in differences(ways, TRIES).items() if part >= WITHIN]
    if apart:
        again = differences({name: ways[name] for name in ("nobody", *apart)}, 2 * TRIES)
        assert max(again.values()) < WITHIN, again


def test_a_login_that_hashes_only_where_there_is_somebody_would_be_found() -> None:
    """The control."""
    StaffFactory.create(login="staff")

    def careless(login: str) -> bool:
        user = User.objects.filter(login=login).first()
        return user is not None and check_password("wrong", user.password)

    ways = {name: (lambda name=name: careless(name)) for name in ("nobody", "staff")}
    assert differences(ways, 20)["staff"] > WITHIN
