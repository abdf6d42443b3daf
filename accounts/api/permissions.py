"""Which people may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.api.bearer import PersonCredentials
from accounts.errors import UserNotFound
from core.api.permissions import Credentials, ScopePermission
from core.errors import NotAuthenticated, PermissionDenied

if TYPE_CHECKING:
    from rest_framework.views import APIView


class IsPerson(BasePermission):
    """People in a session of theirs, whoever they are. Servers have none."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Always true for a person.

        :raises core.errors.NotAuthenticated: nobody knocks
        :raises core.errors.PermissionDenied: a server does
        """
        if not isinstance(request.auth, Credentials):
            raise NotAuthenticated
        if not isinstance(request.auth, PersonCredentials):
            raise PermissionDenied
        return True


class ReadsPerson(ScopePermission):
    """People read what is known about themselves, servers about whom their scope says. The address names whom."""

    scopes = ("users:read",)

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Whether the caller is the one whom the address names, or has the scope.

        :raises core.errors.NotAuthenticated: nobody knocks
        :raises accounts.errors.UserNotFound: a person asks for another one
        :raises core.errors.PermissionDenied: a server lacks the scope
        """
        if not isinstance(request.auth, PersonCredentials):
            return super().has_permission(request, view)
        if request.auth.user_id != view.kwargs["user_id"]:
            raise UserNotFound
        return True
