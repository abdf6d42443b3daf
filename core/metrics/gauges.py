"""
Gauges that are read from the database when Prometheus asks. An app registers readers from its ``metrics`` module; each
reader is one statement, so that a scrape costs a fixed number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error as DatabaseFailure
from prometheus_client.core import GaugeMetricFamily

from core.health import Probe

# A reader that takes longer is left out of the scrape, which says so.
STATEMENT_SECONDS: Final = 1
_OPTIONS: Final = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s"
# Below the ten seconds after which Prometheus gives up.
DEADLINE_SECONDS: Final = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One name that Prometheus knows."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


UP: Final = Gauge("dvorik_database_up", "Whether the database could be asked: 1 or 0.")
FAILED: Final = Gauge("dvorik_scrape_failed", "Whether a part could not be read this time: 1 or 0.", ("part",))


@dataclass(frozen=True, slots=True)
class Reader:
    """
    :param part: what it is called when it fails
    :param statement: the SQL, whose rows are the name of a gauge, the values of its labels (``text[]``) and a number
        (``float8``)
    """

    part: str
    gauges: tuple[Gauge, ...]
    statement: Callable[[], str]


_readers: Final[list[Reader]] = []


def register(reader: Reader) -> Reader:
    """Have gauges read at each scrape."""
    _readers.append(reader)
    return reader


def registered() -> Sequence[Gauge]:
    """Every gauge there is."""
    return [UP, FAILED, *(gauge for reader in _readers for gauge in reader.gauges)]


def collect() -> list[GaugeMetricFamily]:
    """All gauges, within :data:`DEADLINE_SECONDS`; where the database does not answer, only that it does not."""
    return _probe.result() or [_family(UP, 0)]


def read_from(connection: BaseDatabaseWrapper) -> Iterator[GaugeMetricFamily]:
    """
    All gauges, by one statement a reader.

    :raises DatabaseFailure: there is no connection
    """
    connection.ensure_connection()
    yield _family(UP, 1)
    failed = GaugeMetricFamily(FAILED.name, FAILED.meaning, labels=FAILED.labels)
    for reader in _readers:
        families = {each.name: GaugeMetricFamily(each.name, each.meaning, labels=each.labels) for each in reader.gauges}
        try:
            with connection.cursor() as cursor:
                cursor.execute(reader.statement())
                for name, labels, value in cursor.fetchall():
                    families[name].add_metric(labels, value)
        except DatabaseFailure as failure:
            log.warning("metrics_not_read", part=reader.part, error=type(failure).__name__)
            failed.add_metric([reader.part], 1)
            continue
        failed.add_metric([reader.part], 0)
        yield from families.values()
    yield failed


def _family(gauge: Gauge, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.name, gauge.meaning, value=value)


def _read() -> list[GaugeMetricFamily] | None:
    # A connection of its own: those of the requests may all be hanging.
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    settings = connection.settings_dict
    connection.settings_dict = {
        **settings,
        "OPTIONS": {
            **settings["OPTIONS"],
            "connect_timeout": 2,
            "options": _OPTIONS,
            "application_name": "dvorik-metrics",
        },
    }
    try:
        return list(read_from(connection))
    except DatabaseFailure:
        return None
    finally:
        connection.close()


_probe: Final = Probe(_read, deadline_seconds=DEADLINE_SECONDS)
