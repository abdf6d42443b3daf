"""
The application of the house, with nothing to do but jobs that fail: ``celery --app=tests.fault.worker_app worker``.

``FAULT_KEY_PREFIX`` keeps its messages apart from others in the same Redis.
"""

import os

import django

from config import celery_app as app

django.setup()

from core.jobs import registry  # noqa: E402  models are there once the set-up is done
from tests.fault import failing_jobs  # noqa: E402  likewise

__all__ = ["app"]

registry._definitions.clear()
failing_jobs.register()
if prefix := os.environ.get("FAULT_KEY_PREFIX"):
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, "global_keyprefix": prefix}
