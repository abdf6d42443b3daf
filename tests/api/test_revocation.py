"""
Whoever loses a key, a session, a role or their place while requests are under way is refused from the next one on:
people at once, keys within a second. Over real connections to the web server, by many at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest
from pytest_django import DjangoDbBlocker

from accounts.api.authentication import BELIEVED_SECONDS
from accounts.models import User
from accounts.operations import api_keys, sessions, users
from accounts.scopes import SCOPES
from accounts.tests.factories import StaffFactory, UserFactory, bearer_header
from billing.models import Transaction
from billing.tests.factories import WalletFactory, new_key
from billing.tests.servers import Server, web_server
from core.actors import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.setup]

CLIENTS: Final = 6
# Each client is served so often before anything is taken away.
_BEFORE: Final = 3
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    at: float
    status: int


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """One for all: whom it has refused, it never sees again."""
    with django_db_blocker.unblock(), web_server(threads=8) as made:
        yield made


def under_load(ask: Callable[[], int], take_away: Callable[[], object]) -> tuple[float, list[Asked]]:
    """
    Let clients ask without a pause, take something away meanwhile, and let each go on until it is refused.

    :returns: when it was taken away for certain, and every answer
    """
    are_served = threading.Barrier(CLIENTS + 1)
    deadline = time.monotonic() + _SECONDS

    def client() -> list[Asked]:
        answers: list[Asked] = []
        while time.monotonic() < deadline:
            asked_at = time.monotonic()
            answers.append(Asked(asked_at, ask()))
            if len(answers) == _BEFORE:
                are_served.wait(_SECONDS)
            if answers[-1].status >= 400:
                break
        return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client) for _number in range(CLIENTS)]
        are_served.wait(_SECONDS)
        take_away()
        taken_at = time.monotonic()
        return taken_at, [asked for each in clients for asked in each.result(2 * _SECONDS)]


def late(answers: list[Asked], *, after: float) -> list[Asked]:
    """Requests that were sent after a moment and served all the same."""
    return [each for each in answers if each.at > after and each.status < 400]


def refusals(answers: list[Asked]) -> list[int]:
    return [each.status for each in answers if each.status >= 400]


class TestPeople:
    @pytest.mark.parametrize(
        ("take_away", "status"),
        [
            (lambda user_id: sessions.revoke_all(user_id=user_id, by=SYSTEM), 401),
            (lambda user_id: users.set_active(user_id=user_id, is_active=False, by=SYSTEM, reason="leaves"), 401),
            (lambda user_id: users.set_role(user_id=user_id, role=None, by=SYSTEM, reason="moves on"), 403),
            (lambda user_id: users.set_role(user_id=user_id, role="viewer", by=SYSTEM, reason="moves on"), 403),
            (lambda user_id: User.objects.filter(pk=user_id).update(is_staff=False), 403),
        ],
        ids=["session", "person", "role", "lesser role", "staff"],
    )
    def test_are_refused_at_once(self, take_away: Callable[[UUID], object], status: int, server: Server) -> None:
        operator = StaffFactory.create(role="operator")
        wallet = WalletFactory.create()
        headers = bearer_header(operator)
        given = Transaction.objects.filter(wallet=wallet, type=Transaction.Type.GRANT)

        def ask() -> int:
            body = {"user": str(wallet.user_id), "tokens": 1, "reason": "An apology"}
            sent = {**headers, "Idempotency-Key": new_key()}
            return server.send("POST", "/api/v1/grants", body, headers=sent).status

        taken_at, answers = under_load(ask, lambda: take_away(operator.pk))

        assert late(answers, after=taken_at) == []
        # Who is kept out between the question who they are and what they may is told the latter; and who loses their
        # role after that may give nothing any more, which is what the operation says.
        assert set(refusals(answers)) <= {status, 403, 409}
        assert given.count() == len(answers) - CLIENTS

    def test_are_served_for_as_long_as_nothing_is_taken_away(self, server: Server) -> None:
        """The negative control: another's loss is not theirs, and is seen as such."""
        customer, other = UserFactory.create(), UserFactory.create()
        headers = bearer_header(customer)
        taken, left = threading.Event(), threading.Semaphore(2 * CLIENTS)

        def ask() -> int:
            if taken.is_set() and not left.acquire(blocking=False):
                return 499
            return server.send("GET", f"/api/v1/users/{customer.pk}", headers=headers).status

        def take_away() -> None:
            sessions.revoke_all(user_id=other.pk, by=SYSTEM)
            taken.set()

        taken_at, answers = under_load(ask, take_away)

        assert late(answers, after=taken_at)
        assert set(refusals(answers)) == {499}


class TestServers:
    @pytest.mark.parametrize("lost", ["key", "owner"])
    def test_are_refused_within_a_second(self, lost: str, server: Server) -> None:
        owner = StaffFactory.create()
        row, shown = api_keys.create(name="Leaky", scopes=list(SCOPES), owner_id=owner.pk, by=SYSTEM)
        headers = {"Authorization": f"Api-Key {shown}"}

        def take_away() -> None:
            if lost == "key":
                api_keys.revoke(key_id=row.pk, by=SYSTEM, reason="leaked")
            else:
                users.set_active(user_id=owner.pk, is_active=False, by=SYSTEM, reason="leaves")

        taken_at, answers = under_load(lambda: server.send("GET", "/api/v1/tariffs", headers=headers).status, take_away)

        assert late(answers, after=taken_at + BELIEVED_SECONDS) == []
        assert refusals(answers) == [401] * CLIENTS
