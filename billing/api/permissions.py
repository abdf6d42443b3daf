"""Who may do what with money and tokens."""

from __future__ import annotations

from typing import Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.api.permissions import Credentials, ScopePermission, has_scope
from core.api.views import ApiView

STAFF: Final = "staff"

READ: Final = has_scope("billing:read", STAFF)
WRITE: Final = has_scope("billing:write")
QUOTE: Final = has_scope("billing:read", "billing:write", STAFF)
PAY: Final = has_scope("payments:write")
GRANT: Final = has_scope("grants:write", STAFF)
MANAGE: Final = has_scope(STAFF)


class ReadOrChange(ApiView):
    """A route where looking and changing are two rights."""

    read_permission: type[ScopePermission] = READ
    change_permission: type[ScopePermission] = MANAGE

    def get_permissions(self) -> list[BasePermission]:
        """One of the two, by method."""
        is_change = self.request.method in {"POST", "PATCH", "PUT", "DELETE"}
        return [self.change_permission() if is_change else self.read_permission()]


def is_staff(request: Request) -> bool:
    """Whether the caller sees what staff see."""
    return isinstance(request.auth, Credentials) and STAFF in request.auth.scopes
