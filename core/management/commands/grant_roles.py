"""Gives the application's role its rights, on a server of somebody else's as well; ``migrate`` does so, too."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core import database_roles
from core.commands import InBothLanguages


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy("Give the application's role what it needs of the tables, and take away what it does not.")
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        role = database_roles.application_role()
        if role is None:
            raise CommandError(
                _(
                    "One role does everything here: set DATABASE_OWNER_URL, or POSTGRES_OWNER_USER and "
                    "POSTGRES_OWNER_PASSWORD, to the owner of the tables (docs/OPERATIONS.md)"
                )
            )
        try:
            with database_roles.as_owner():
                changed = database_roles.grant(role)
        except database_roles.RoleTooStrong as error:
            raise CommandError(str(error)) from error
        said = (
            ngettext(
                "%(role)s: %(number)d right given or taken.", "%(role)s: %(number)d rights given or taken.", changed
            )
            if changed
            else _("%(role)s has its rights already.")
        )
        self.stdout.write(said % {"role": role, "number": changed})
