"""A transaction that PostgreSQL has ended, for idling or for its length, is an alert: one, however often it happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from typing import Final

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from audit.models import AdminAlert
from core import jobs
from core.actors import Actor, under
from core.api.exceptions import as_domain_error
from core.errors import Unavailable
from core.jobs import runner
from core.jobs.runner import Outcome
from core.tests import registries

pytestmark = pytest.mark.django_db(transaction=True)

# Long enough for the alert's own transaction, which keeps them as well.
IDLE: Final = (0, 0, 0.5)
LONG: Final = (0, 0, 0, 0.5)
STATEMENT: Final = (0.05, 0, 0)


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


@pytest.fixture
def server_ends_long_ones() -> None:
    with connection.cursor():
        version = connection.connection.info.server_version
    connection.close()
    if version < 170_000:
        pytest.skip("PostgreSQL 17 was the first to end transactions for their length")


@contextmanager
def limited(*limits: float, request_id: str = "") -> Iterator[None]:
    with override_settings(TIME_LIMITS={"api": limits}), under(door="api", request_id=request_id):
        yield


def idles() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        # The server says goodbye by itself: nothing is asked until then.
        assert select([connection.connection.pgconn.socket], [], [], 10)[0]
        cursor.execute("SELECT 1")


def lasts() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")


def told(does: object) -> None:
    """Do it, and have its failure told as a door tells it."""
    assert callable(does)
    with pytest.raises(DatabaseError) as failed:
        does()
    assert isinstance(as_domain_error(failed.value), Unavailable)


def test_that_idled_is_told_once() -> None:
    with limited(*IDLE, request_id="first-request"):
        told(idles)
    with limited(*IDLE, request_id="second-request"):
        told(idles)
    alert = AdminAlert.objects.get()
    assert (alert.fingerprint, alert.severity, alert.count) == ("core.transaction_ended:idle", "warning", 2)
    assert (alert.context["door"], alert.context["request_id"]) == ("api", "first-request")


@pytest.mark.usefixtures("server_ends_long_ones")
def test_that_took_too_long_is_told_once() -> None:
    for _time in range(2):
        with limited(*LONG):
            told(lasts)
    alert = AdminAlert.objects.get()
    assert (alert.fingerprint, alert.severity, alert.count) == ("core.transaction_ended:long", "warning", 2)


def test_of_a_job_is_told_by_the_job_s_name() -> None:
    with registries.restored(), override_settings(TIME_LIMITS={"job": IDLE}):

        @jobs.job("core.test_idles")
        def test_idles(*, by: Actor) -> None:
            idles()

        job = jobs.enqueue("core.test_idles")
        assert runner.run(job.pk) is Outcome.RETRY
    alert = AdminAlert.objects.get()
    assert alert.fingerprint == "core.transaction_ended:idle"
    assert (alert.context["door"], alert.context["by"]) == ("job", "job:core.test_idles")


def test_whose_statement_alone_was_cancelled_is_no_alert() -> None:
    """The control: the connection lives, the request is answered 503, and nothing was left open."""
    with limited(*STATEMENT):
        told(lasts)
    assert not AdminAlert.objects.exists()


def test_is_not_told_where_nobody_can_be_told() -> None:
    """Within a transaction that is lost already: what failed is answered as ever."""
    with limited(*IDLE), transaction.atomic():
        told(idles)
    connection.close()
    assert not AdminAlert.objects.exists()
