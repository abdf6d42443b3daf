"""What `manage.py check --deploy` says about an installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.utils.translation import gettext as _

from core import database_roles


@checks.register(checks.Tags.security, deploy=True)
def check_database_roles(**_given: Any) -> Sequence[checks.CheckMessage]:
    """Warn where the application works as the owner of its tables."""
    if database_roles.application_role() is not None:
        return []
    return [
        checks.Warning(
            _("The application connects as the owner of its tables, who can disable their guards."),
            hint=_("Set DATABASE_OWNER_URL for migrations and another role in DATABASE_URL (docs/OPERATIONS.md)."),
            id="core.W001",
        )
    ]
