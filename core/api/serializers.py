"""Serializers that refuse what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from core.api.fields import CodeField, IntField, TextField
from core.money import EXPONENTS, MAX_MINOR_UNITS, Money

_NOT_KNOWN: Final = _("This field is not known here.")
_TWICE: Final = _("This parameter was given more than once.")
_NAME_LENGTH: Final = 60
# The most rows of one page.
LONGEST_LIST: Final = 200


class StrictSerializer(serializers.Serializer[Any]):
    """A body, or a part of one. A field that is not declared here, or is read-only, is refused by its name."""

    def to_internal_value(self, data: object) -> Any:  # Any: a dict here, a value object in subclasses
        unknown = _unknown(data, self) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if unknown and isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


class QueryParams(StrictSerializer):
    """The parameters of a query string: each declared, each given once."""

    reads_query: ClassVar[bool] = True

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """
        The values that a query string gives.

        :raises rest_framework.exceptions.ValidationError: a parameter is unknown, given twice, or wrong
        """
        # Most requests have no query at all, and some have no parameters to give defaults to.
        if not query and not cls._declared_fields:
            return {}
        twice = {name[:_NAME_LENGTH]: [_TWICE] for name, values in query.lists() if len(values) > 1}
        if twice:
            raise serializers.ValidationError(twice)
        params = cls(data=query.dict())
        params.is_valid(raise_exception=True)
        return params.validated_data  # type: ignore[no-any-return]  # DRF leaves it untyped


class ListParams(QueryParams):
    """What every list takes; a list with filters declares them in a subclass."""

    limit = IntField(min_value=1, max_value=LONGEST_LIST, default=50, help_text=_("How many to answer."))
    cursor = TextField(
        max_length=1000, required=False, help_text=_("A value of next or previous from an earlier answer.")
    )


class NoBody(StrictSerializer):
    """For requests that say everything by their address."""


@extend_schema_serializer(component_name="Money")
class MoneyField(StrictSerializer):
    """
    ``{"amount": 14900, "currency": "RUB"}`` ↔ :class:`core.money.Money`.

    :param min_amount: the least amount taken, in minor units
    """

    amount = IntField(max_value=MAX_MINOR_UNITS, min_value=0, help_text=_("Minor units: kopecks, cents, Stars."))
    currency = CodeField(choices=list(EXPONENTS), help_text=_("ISO 4217, or XTR for Telegram Stars."))

    def __init__(self, *args: Any, min_amount: int = 0, **options: Any) -> None:
        self.min_amount = min_amount
        super().__init__(*args, **options)

    def to_internal_value(self, data: object) -> Money:
        value = super().to_internal_value(data)
        if value["amount"] < self.min_amount:
            said = _("It must be %(least)d or more.") % {"least": self.min_amount}
            raise serializers.ValidationError({"amount": [said]})
        return Money(value["amount"], value["currency"])

    def to_representation(self, instance: Money) -> dict[str, Any]:
        return {"amount": instance.amount, "currency": instance.currency}


@cache
def kept(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """
    The instance of a serializer that all requests share: DRF copies every field for each one it makes.

    It holds neither data nor context, and only runs ``run_validation`` and ``to_representation``.
    """
    return serializer()


def _unknown(data: Mapping[Any, Any], serializer: serializers.Serializer[Any]) -> dict[str, list[Any]]:
    fields = serializer.fields
    return {str(name)[:_NAME_LENGTH]: [_NOT_KNOWN] for name in data if name not in fields or fields[name].read_only}
