"""How an answer is written."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar

from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from core.api.moments import as_rfc3339
from core.money import Money


class AnswerEncoder(JSONEncoder):
    """Knows money and moments besides what DRF knows."""

    def default(self, obj: Any) -> Any:  # Any: the signature of json.JSONEncoder
        if isinstance(obj, Money):
            return {"amount": obj.amount, "currency": obj.currency}
        if isinstance(obj, datetime):
            return as_rfc3339(obj)
        return super().default(obj)


class AnswerRenderer(JSONRenderer):
    """Compact JSON in UTF-8."""

    encoder_class: ClassVar[type[json.JSONEncoder]] = AnswerEncoder


def render(value: object) -> str:
    """A value as the API writes it."""
    return json.dumps(value, cls=AnswerEncoder, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
