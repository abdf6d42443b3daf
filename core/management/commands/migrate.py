"""Django's ``migrate``, as the owner of the tables."""

from typing import Any

from django.core.management.commands import migrate

from core.database_roles import as_owner


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        with as_owner():
            return super().execute(*args, **options)
