"""What every test of the house may use."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker, Settings

from core.database_roles import as_owner
from core.tests.application import all_connections
from core.tests.cleaning import clean_quickly, set_clock
from scripts.fakes.bot_api import BotApi
from scripts.fakes.server import House, running

# How fast a machine is, and how many share it, says nothing about what is tested.
hypothesis_settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test log whatever it likes: half a surrogate pair could not be sent to the process that counts results."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@contextmanager
def truncation_refused(*, refused: bool) -> Iterator[None]:
    """Within the block, tables refuse TRUNCATE as they do in production, or permit it."""
    _switch_truncation_guards(on=refused)
    yield
    _switch_truncation_guards(on=not refused)


def _switch_truncation_guards(*, on: bool) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(r"SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%\_is\_never\_truncated'")
        for table, trigger in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} {"ENABLE" if on else "DISABLE"} TRIGGER "{trigger}"')


@pytest.fixture(autouse=True)
def no_attempt_is_remembered() -> None:
    """What one test has counted in its process is not held against another; what is in tables goes with them."""
    # Not before Django is set up.
    from core.limits import outages
    from core.limits.process_store import BUCKETS

    BUCKETS.forget()
    outages.forget_told()


@pytest.fixture(scope="session", autouse=True)
def static_files_from_where_they_lie() -> Iterator[None]:
    """Pages find their static files without ``collectstatic``."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=storages, WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """
    The test database, in which tests work as the application's role, and whose tables may be truncated: that is how
    transactional tests clean up.

    Every other guard stays as it is. A test that wants this one, too, asks for ``truncation_guards``.
    """
    with django_db_blocker.unblock():
        _switch_truncation_guards(on=False)
        clean_quickly()
    with all_connections():
        yield


@pytest.fixture
def truncation_guards(db: None) -> Iterator[None]:
    """The triggers that refuse TRUNCATE, for the length of a test that runs inside one transaction."""
    assert connection.in_atomic_block, "a transactional test could not clean up behind itself"
    with truncation_refused(refused=True):
        yield


@pytest.fixture
def as_the_owner(db: None) -> Iterator[None]:
    """For tests of what holds against the owner of the tables, too, and of what only the owner can do."""
    with as_owner():
        yield


class TestClock:
    """
    Moves the database's clock, and with it everything that money, expiry and leases are decided by. It goes back as
    well, and runs nothing on the way, which the product's own (core.operations.clocks) does.
    """

    __test__ = False

    def advance(self, **by: float) -> None:
        """:param by: as of :class:`datetime.timedelta`: ``days=1``, ``minutes=15``, ``seconds=-1``"""
        with connection.cursor() as cursor:
            cursor.execute("SELECT core_clock_offset()")
            offset = cursor.fetchone()[0] + timedelta(**by)
        set_clock(f"now() + interval '{offset.total_seconds():.6f} seconds'")

    def stop(self) -> None:
        """Let it stand still, for everybody: what grows back with time does not, however slow the machine is."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT core_now()::text")
            (moment,) = cursor.fetchone()
        set_clock(f"timestamptz '{moment}'")


@pytest.fixture
def clock(db: None) -> TestClock:
    """``clock.advance(days=1)``; the clock is put right after the test."""
    return TestClock()


@pytest.fixture
def telegram() -> BotApi:
    """A made-up Telegram, which answers where :func:`fakes` says."""
    return BotApi()


@pytest.fixture
def fakes(telegram: BotApi, settings: Settings) -> Iterator[House]:
    """The server of the made-up Telegram, to which the house's main bot speaks."""
    with running(telegram) as house:
        settings.TELEGRAM_API_BASE = f"{house.address}/telegram"
        settings.BOT_TOKEN, settings.BOT_WEBHOOK_SECRET = "700000001:a-token-of-tests-only", "a-secret-of-tests-only"
        settings.PAYMENT_PROVIDERS = {**settings.PAYMENT_PROVIDERS, "telegram_stars": True}
        yield house
