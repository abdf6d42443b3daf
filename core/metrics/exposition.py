"""Everything that is known, as the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from core import counting_folder
from core.metrics import counters, gauges

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUILD: Final = gauges.Gauge("dvorik_build_info", "1; the label tells which release runs.", ("version",))


class _Gauges(Collector):
    def collect(self) -> Iterable[Metric]:
        build = GaugeMetricFamily(BUILD.name, BUILD.meaning, labels=BUILD.labels)
        build.add_metric([settings.VERSION], 1)
        yield build
        yield from gauges.collect()


def text() -> bytes:
    """All metrics, of every process that counts in the same folder."""
    registry = CollectorRegistry()
    if counting_folder.is_used():
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it carries no types
    else:
        registry.register(counters.PROCESS)
    registry.register(_Gauges())
    return generate_latest(registry)
