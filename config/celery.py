"""
The Celery application: it wakes workers for job rows and calls the tick. ``celery -A config worker --beat``

The schedule stands here and nowhere else: staff must not be able to switch billing off.
"""

import os
from typing import Any

from celery import Celery
from django.conf import settings
from kombu.transport import TRANSPORT_ALIASES

from config.environment import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRANSPORT_ALIASES["filesystem"] = "core.jobs.filesystem_broker:Transport"


def configuration() -> dict[str, Any]:
    """Celery's settings; the broker's come from the environment."""
    # How often lost work is looked for and periodic jobs are queued.
    tick_seconds = env.float("JOBS_TICK_SECONDS", default=2.0)
    return {
        # JSON only: a message that could make Python objects would be as good as a shell.
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # A message is acknowledged after its task, and comes back when the worker's process dies.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # The stop for a handler that hangs: its lease is renewed for as long as its process lives.
        "task_time_limit": env.int("JOBS_HARD_LIMIT_SECONDS", default=3600),
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 8,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 2,
        # On files, each worker that is killed would leave a mailbox that fills for ever.
        "worker_enable_remote_control": not settings.CELERY["broker_url"].startswith("filesystem:"),
        "timezone": "UTC",
        # In memory: what has run is known from the job rows, so beat has nothing to remember.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": tick_seconds,
        "beat_schedule": {
            "tick": {
                "task": "core.tick",
                "schedule": tick_seconds,
                # A tick that nobody took in time is worthless: the next one does its work.
                "options": {"expires": max(5 * tick_seconds, 10)},
            },
        },
        **settings.CELERY,
    }


app = Celery("dvorik")
app.add_defaults(configuration)
app.autodiscover_tasks()
