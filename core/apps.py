from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from core.logs import configure_structlog


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("System")

    def ready(self) -> None:
        # Not from a ``core.admin`` that Admin discovers: its site is made of modules of that package.
        from core import checks, clock_marks, database_roles, time_limits  # noqa: F401  checks register themselves
        from core.admin import exports, jobs, sessions, settings  # noqa: F401  their pages register themselves

        configure_structlog()
        time_limits.connect()
        sessions.connect()
        clock_marks.lend_outside_production()
        post_migrate.connect(clock_marks.mark_after_migrate, dispatch_uid="core.clock_marks")
        post_migrate.connect(database_roles.grant_after_migrate, dispatch_uid="core.database_roles")
        # Errors are known by their classes, so every app's must be loaded before the first one is looked up.
        autodiscover_modules("errors", "api.errors")
        # Whoever enqueues a job, a web process included, checks its name and arguments against its handler.
        autodiscover_modules("tasks", "exports", "metrics.jobs", "metrics")
        # Where the test clock stops.
        autodiscover_modules("clock_moments")
        # The page about limits is written from all of them.
        autodiscover_modules("limits", "api.limits", "exports.limits")
