"""
What Prometheus is told: counters of the processes (:mod:`core.metrics.counters`), which gunicorn's workers keep in
files so that any of them tells of all, and gauges out of the database (:mod:`core.metrics.gauges`), read when asked.
"""

from core.metrics.gauges import Gauge, Reader, register, registered

__all__ = ["Gauge", "Reader", "register", "registered"]
