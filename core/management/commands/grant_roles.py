"""Gives the application's role its rights, on a server of somebody else's as well; ``migrate`` does so, too."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import database_roles


class Command(BaseCommand):
    help = "Give the application's role what it needs of the tables, and take away what it does not."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        role = database_roles.application_role()
        if role is None:
            raise CommandError(
                "One role does everything here: set DATABASE_OWNER_URL, or POSTGRES_OWNER_USER and "
                "POSTGRES_OWNER_PASSWORD, to the owner of the tables (docs/OPERATIONS.md)"
            )
        try:
            with database_roles.as_owner():
                changed = database_roles.grant(role)
        except database_roles.RoleTooStrong as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{role}: {changed} rights given or taken." if changed else f"{role} has its rights already.")
