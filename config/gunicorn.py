"""How gunicorn serves Dvorik; every value can be given by the environment (``.env.example``)."""

import os
import re
from pathlib import Path
from typing import Any

from config.environment import home
from core import counting_folder
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

# More is answered 414 and 431. Cookies, and an access token, fit well.
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 8190

# What proxies say is judged by the application (TRUSTED_PROXIES). By itself gunicorn would believe whoever connects
# from this machine, even what the path is.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# A worker's heartbeat must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (gunicorn makes its own files there)
# It would lie in the user's home, which may be read-only, and two installations would share it.
control_socket_disable = True

# Requests are logged by the application, with their ids.
accesslog = None
errorlog = "-"
logger_class = "core.web_log.WebLog"


def on_starting(server: Any) -> None:  # Any: gunicorn carries no types
    """Called by gunicorn before there are workers: they count together, in a folder of this server's own."""
    folder = home() / "metrics" / re.sub(r"[^\w.-]", "_", bind)
    try:
        counting_folder.use(folder)
    except OSError as error:
        server.log.warning("Each process counts for itself: %s", error)


def child_exit(_server: Any, worker: Any) -> None:  # Any: gunicorn carries no types
    """Called by gunicorn when a worker has ended."""
    counting_folder.forget(worker.pid)


def when_ready(server: Any) -> None:  # Any: gunicorn carries no types
    """Called by gunicorn once it listens."""
    for listener in server.LISTENERS:
        limit_stalls(listener.sock)
