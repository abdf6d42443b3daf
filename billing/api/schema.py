"""How the OpenAPI document says what fields alone cannot."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from billing.api.fields import OwnSerializer


class OwnedExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # it registers subclasses, untyped
    """Exactly one of ``user`` and ``telegram_id``; where customers may leave both out, at most one."""

    target_class = "billing.api.fields.OwnedSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """The schema object of a body that names a customer."""
        schema: dict[str, Any] = auto_schema._map_serializer(  # type: ignore[no-untyped-call]  # it has no types
            self.target, direction, bypass_extensions=True
        )
        if isinstance(self.target, OwnSerializer):
            return {**schema, "not": {"required": ["user", "telegram_id"]}}
        return {**schema, "oneOf": [{"required": ["user"]}, {"required": ["telegram_id"]}]}
