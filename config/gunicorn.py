"""How gunicorn serves Dvorik; every value can be given by the environment (``.env.example``)."""

import os
from pathlib import Path
from typing import Any

from core.api.worker import limit_stalls

bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT') or '8000'}"
wsgi_app = "config.wsgi:application"
proc_name = "dvorik-web"

# Threads with connections that stay open: a request mostly waits for the database.
worker_class = "core.api.worker.ProblemWorker"
workers = int(os.environ.get("WEB_WORKERS") or 2)
threads = int(os.environ.get("WEB_THREADS") or 4)
keepalive = 65

# Longer than any statement may take (core.time_limits), so that the database says no first.
timeout = 60
graceful_timeout = 10

# A worker's heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn makes its own files there)
# It would lie in the user's home, which may be read-only, and two installations would share it.
control_socket_disable = True

# Requests are logged by the application, with their ids.
accesslog = None
errorlog = "-"


def when_ready(server: Any) -> None:  # Any: gunicorn carries no types
    """Called by gunicorn once it listens."""
    for listener in server.LISTENERS:
        limit_stalls(listener.sock)
