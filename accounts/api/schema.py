"""How the OpenAPI document describes our ways in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from core.api.permissions import callers_of


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers subclasses, untyped
    """``Authorization: Api-Key <key>``."""

    target_class = "accounts.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Nothing where no server may call."""
        callers = callers_of(auto_schema.view, auto_schema.method)
        return [{self.name: []}] if callers is None or callers.scopes else []

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The security scheme object."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`; a key is made with `manage.py create_api_key`.",
        }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers subclasses, untyped
    """``Authorization: Bearer <access token>``."""

    target_class = "accounts.api.bearer.BearerAuthentication"
    name = "bearer"

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Nothing where no person may call."""
        callers = callers_of(auto_schema.view, auto_schema.method)
        return [{self.name: []}] if callers is None or callers.permission or callers.own else []

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The security scheme object."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of a person, from `POST /api/v1/auth/login` and its neighbours.",
        }
