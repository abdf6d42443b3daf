"""Who may knock on which route."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.actors import Actor
from core.errors import NotAuthenticated, PermissionDenied

if TYPE_CHECKING:
    # DRF's views read their default permissions, which are these, while they are being imported.
    from rest_framework.views import APIView


@runtime_checkable
class Credentials(Protocol):
    """
    What an authentication class leaves in ``request.auth``.

    :cvar scopes: what the caller may do (``billing:write``)
    :cvar actor: who the caller is, for the audit log
    """

    @property
    def scopes(self) -> Collection[str]: ...

    @property
    def actor(self) -> Actor: ...


class IsKnown(BasePermission):
    """Whoever shows valid credentials."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Always true for a known caller.

        :raises core.errors.NotAuthenticated: nobody knocks
        """
        if not isinstance(request.auth, Credentials):
            raise NotAuthenticated
        return True


class ScopePermission(BasePermission):
    """Whoever has one of the scopes. Made by :func:`has_scope`."""

    scopes: tuple[str, ...] = ()

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Whether the caller's credentials hold one of the scopes.

        :raises core.errors.NotAuthenticated: nobody knocks
        :raises core.errors.PermissionDenied: the caller has none of the scopes
        """
        if not isinstance(request.auth, Credentials):
            raise NotAuthenticated
        if not any(scope in request.auth.scopes for scope in self.scopes):
            raise PermissionDenied(required_scopes=list(self.scopes))
        return True


def has_scope(*scopes: str) -> type[ScopePermission]:
    """
    The permission of those who have at least one of the scopes: ``permission_classes = [has_scope("billing:read")]``.

    :raises ValueError: no scope is named
    """
    if not scopes:
        raise ValueError("a permission needs a scope")
    return type("HasScope", (ScopePermission,), {"scopes": scopes})
