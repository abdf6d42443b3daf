"""Fields that take exactly what they document: an integer is not a string, a moment knows its zone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.moments import as_rfc3339, parse_rfc3339
from core.api.renderers import render
from core.api.strict_json import MAX_INT

_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d{0,18})", re.ASCII)
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _is_from_query(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    # A query string holds text only, so numbers and truth come as text there and nowhere else.
    return bool(getattr(field.root, "reads_query", False))


class IntField(serializers.IntegerField):
    """
    A whole number that fits a bigint.

    :param min_value: the least allowed
    :param max_value: the greatest allowed
    """

    def __init__(self, *, min_value: int = -MAX_INT, max_value: int = MAX_INT, **options: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **options)

    def to_internal_value(self, data: object) -> int:
        if isinstance(data, str) and _is_from_query(self) and _INTEGER.fullmatch(data):
            return int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class BoolField(serializers.BooleanField):
    """``true`` or ``false``, and nothing that merely looks like it."""

    def to_internal_value(self, data: object) -> bool:
        if isinstance(data, bool):
            return data
        if _is_from_query(self) and data in ("true", "false"):
            return data == "true"
        return self.fail("invalid", input=data)


class TextField(serializers.CharField):
    """
    Text of a known length, without control characters.

    :param max_length: in characters
    :param multiline: whether line breaks and tabs are welcome
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "control": _("Control characters are not allowed."),
    }

    def __init__(self, *, max_length: int, multiline: bool = False, **options: Any) -> None:
        self.multiline = multiline
        super().__init__(max_length=max_length, **options)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if (_CONTROL_BUT_LINES if self.multiline else _CONTROL).search(data):
            self.fail("control")
        return super().to_internal_value(data)


class CodeField(serializers.ChoiceField):
    """One of the declared codes, spelled exactly."""

    def to_internal_value(self, data: object) -> Any:  # Any: whatever the choices' values are
        if not isinstance(data, str):
            self.fail("invalid_choice", input=str(data)[:60])
        if data not in self.choice_strings_to_values:
            self.fail("invalid_choice", input=data[:60])
        return self.choice_strings_to_values[data]


class IdField(serializers.UUIDField):
    """A UUID in its usual spelling, 8-4-4-4-12."""

    def to_internal_value(self, data: object) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=str(data)[:60])
        return UUID(data)


class MomentField(serializers.DateTimeField):
    """A moment, RFC 3339; written in UTC, read with any offset but not without one."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _("Give a moment as RFC 3339 with an offset, like 2026-01-31T12:00:00Z, from 1970 to 9999."),
    }

    def to_internal_value(self, value: object) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return parse_rfc3339(value)
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: datetime) -> str:
        return as_rfc3339(value)


@extend_schema_field({"type": "object", "additionalProperties": True})
class MetadataField(serializers.Field[Any, Any, Any, Any]):
    """
    The caller's own JSON object, kept as it came.

    :param max_bytes: how long it may be, written as JSON
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": _("Give a JSON object."),
        "max_bytes": _("It is longer than {max_bytes} bytes."),
    }

    def __init__(self, *, max_bytes: int = 4096, **options: Any) -> None:
        self.max_bytes = max_bytes
        super().__init__(**options)

    def to_internal_value(self, data: object) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(render(data).encode()) > self.max_bytes:
            self.fail("max_bytes", max_bytes=self.max_bytes)
        return data

    def to_representation(self, value: Any) -> Any:
        return value
