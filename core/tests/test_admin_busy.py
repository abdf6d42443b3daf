"""Where PostgreSQL keeps a page of Admin waiting for too long, the page says so: 503, and when to try again."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test import override_settings

from core.models import Job
from core.tests.operators import Operator
from core.tests.racing import with_own_connection

pytestmark = pytest.mark.django_db(transaction=True)


def test_is_busy_and_not_broken() -> None:
    operator = Operator(is_superuser=True)
    connection.close()
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE core_job IN ACCESS EXCLUSIVE MODE")
            locked.set()
            done.wait(30)

    holder = threading.Thread(target=with_own_connection(hold))
    holder.start()
    try:
        assert locked.wait(30)
        with override_settings(TIME_LIMITS={"admin": (5, 0.1, 5)}):
            answer = operator.list(Job)
    finally:
        done.set()
        holder.join()
        connection.close()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "<h1>" in answer.content.decode()
    assert operator.list(Job).status_code == 200
