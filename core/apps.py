from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from core.logs import configure_structlog


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("System")

    def ready(self) -> None:
        # Not from a ``core.admin`` that Admin discovers: its site is made of modules of that package.
        from core.admin import jobs, settings  # noqa: F401  their pages register themselves

        configure_structlog()
        # Errors are known by their classes, so every app's must be loaded before the first one is looked up.
        autodiscover_modules("errors", "api.errors")
        # Whoever enqueues a job, a web process included, checks its name and arguments against its handler.
        autodiscover_modules("tasks")
