"""
Whether a database's clock may be moved. Each ``migrate`` marks it: one that production has migrated is fixed for
good, whatever the environment says later, and so is every copy of it.

The mark is a function's body, which only the owner of the tables can replace.
"""

from __future__ import annotations

from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from core.database import lend

MOVE: Final = "core_move_clock(timestamp with time zone)"


class ClockWasMoved(Exception):
    """Production was to migrate a database whose rows carry moments of a made-up future."""


def lend_outside_production() -> None:
    """Let the application move the clock, unless this is production. Called when the apps are ready."""
    if settings.ENV != "production":
        lend(MOVE, why="moves the test clock, outside production and where the database is marked as movable")


def mark_after_migrate(sender: AppConfig, **_sent: Any) -> None:
    """A receiver of ``post_migrate``, sent for one app after another; the functions are there after the last."""
    last = [app for app in apps.get_app_configs() if app.models_module][-1]
    if sender.label == last.label:
        mark(is_production=settings.ENV == "production")


def mark(*, is_production: bool) -> None:
    """
    Say whose clock it is. Needs the owner's connection. Migrated back to before there was a clock, nothing is said.

    :raises ClockWasMoved: production's would be a moved one
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('core_clock_kind()') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return
        cursor.execute("SELECT core_clock_kind(), core_clock_offset() <> interval '0'")
        kind, is_moved = cursor.fetchone()
        if is_production and is_moved:
            raise ClockWasMoved(
                _("This database's clock has been moved by a test: its rows are no production's. Use another database.")
            )
        wanted = "fixed" if is_production else "movable"
        if kind not in {wanted, "fixed"}:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION core_clock_kind() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE "
                f"AS 'SELECT ''{wanted}'''"
            )
