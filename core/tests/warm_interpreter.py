"""
A Python that has loaded everything that others have written, and none of the house: each process that is asked of it
(:mod:`core.tests.interpreters`) is a fork, and goes on as a Python does that was just started.

Its argument is the descriptor of a socket. Once that is closed at the other end, it ends.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import struct
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

# What the house loads at its start, as far as that asks for no settings, and as it loads does not look up in the
# environment how it is to be, which gunicorn and prometheus_client do.
MODULES: Final = (
    *("argon2", "cryptography.fernet", "cryptography.hazmat.primitives.asymmetric.ed25519", "django_otp", "jwt"),
    *("celery.app.amqp", "celery.app.base", "celery.bin.celery", "celery.beat", "celery.concurrency.prefork"),
    *("celery.apps.worker", "kombu.transport.filesystem", "kombu.transport.redis"),
    *("django.contrib.admin", "django.contrib.postgres.fields", "django.core.mail", "django.core.management"),
    *("django.core.management.commands.migrate", "django.core.management.commands.shell"),
    *("django.db.backends.postgresql.base", "django.db.models.functions", "django.forms", "django.template.loader"),
    *("django.urls", "django.utils.translation.trans_real", "django.views.debug"),
    *("django_filters", "drf_spectacular", "rest_framework.compat", "rest_framework.serializers"),
    *("openpyxl", "psutil", "psycopg", "requests", "rich.traceback", "sqlparse", "structlog", "unfold", "uuid_utils"),
    *("whitenoise.middleware", "yaml"),
)
LENGTH: Final = struct.Struct("!I")
STATUS: Final = struct.Struct("!i")
MOST_DESCRIPTORS: Final = 16


def next_process(control: socket.socket) -> socket.socket:
    """Wait for requests for ever; return in a fork of its own for each, with the line on which it is asked."""
    # Whoever waits for a process is its keeper; nobody waits for keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _word, descriptors, _flags, _address = socket.recv_fds(control, 1, 1)
        if not descriptors:
            sys.exit()
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return socket.socket(fileno=descriptors[0])
        os.close(descriptors[0])


def asked(line: socket.socket) -> dict[str, Any]:
    """Read what is to run, and return in the process that is to be it; its keeper tells how that one ends."""
    head, descriptors, _flags, _address = socket.recv_fds(line, LENGTH.size, MOST_DESCRIPTORS)
    with line.makefile("rb") as rest:
        request: dict[str, Any] = json.loads(rest.read(*LENGTH.unpack(head)))
    if pid := os.fork():
        line.sendall(STATUS.pack(pid))
        for descriptor in descriptors:
            os.close(descriptor)
        _pid, status = os.waitpid(pid, 0)
        line.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    line.close()
    if request["new_session"]:
        os.setsid()
    # First out of the way of all that it is told to have.
    high = 1 + max(*request["descriptors"], *descriptors)
    raised = [os.dup2(descriptor, high + number) for number, descriptor in enumerate(descriptors)]
    for descriptor in descriptors:
        os.close(descriptor)
    for descriptor, wanted in zip(raised, request["descriptors"], strict=True):
        os.dup2(descriptor, wanted)
        os.close(descriptor)
    return request


def become(request: dict[str, Any], path: list[str]) -> None:
    """
    Run what a Python with these arguments would run.

    :param path: where modules lie, without what the arguments and the environment add
    """
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    known = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    what, *rest = request["arguments"]
    if what == "-c":
        sys.path[:] = ["", *known, *path]
        program, *sys.argv[1:] = rest
        sys.argv[0] = "-c"
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), main.__dict__)  # noqa: S102  that is what it was asked for
    elif what == "-m":
        sys.path[:] = [os.getcwd(), *known, *path]
        module, *sys.argv[1:] = rest
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path[:] = [str(Path(what).resolve().parent), *known, *path]
        sys.argv[:] = request["arguments"]
        runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    for name in MODULES:
        import_module(name)
    # Neither is looked at, and so copied, by every fork's first collection.
    gc.collect()
    gc.freeze()
    become(asked(next_process(socket.socket(fileno=int(sys.argv[1])))), sys.path[1:])
