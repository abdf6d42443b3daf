"""
The database's clock. Money, expiry and leases are decided by it, never by Python's.

Everything asks the SQL function ``core_now()``, so that outside production a test clock can move it.
"""

from datetime import datetime, timedelta

from django.db import connection, models
from django.db.models import Func


class CoreNow(Func):
    """``core_now()`` in a query or as a column's default."""

    function = "core_now"
    template = "%(function)s()"
    output_field = models.DateTimeField()


def now() -> datetime:
    """The moment by which the database decides, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def lead() -> timedelta:
    """By how much a test clock is ahead of the world's; nothing where none was moved."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_clock_offset()")
        ahead: timedelta = cursor.fetchone()[0]
    return ahead
