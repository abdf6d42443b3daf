"""What YooKassa refuses: what is missing, unknown or wrong in a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

_VALUE: Final = re.compile(r"\d{1,12}\.\d{2}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_OF_PAYMENT: Final = frozenset(
    {"amount", "capture", "description", "metadata", "confirmation", "save_payment_method", "payment_method_id"}
)
_OF_REFUND: Final = frozenset({"payment_id", "amount", "description", "metadata"})


class BadRequestError(Exception):
    """
    :param says: the description
    :param parameter: which one is wrong
    """

    def __init__(self, says: str, *, parameter: str = "", status: int = 400) -> None:
        super().__init__(says)
        self.says, self.parameter, self.status = says, parameter, status


def check_payment(said: Any) -> Mapping[str, Any]:
    """
    The body of a new payment.

    :raises BadRequestError: it is none
    """
    body = _object(said, _OF_PAYMENT)
    check_amount(body.get("amount"))
    _check_texts(body, longest_description=128)
    if "payment_method_id" in body:
        if "confirmation" in body:
            raise BadRequestError("Confirmation is not needed with a saved method", parameter="confirmation")
        return body
    confirmation = body.get("confirmation")
    if not isinstance(confirmation, Mapping) or confirmation.get("type") != "redirect":
        raise BadRequestError("Only redirects are made up here", parameter="confirmation.type")
    if not str(confirmation.get("return_url", "")).startswith(("http://", "https://")):
        raise BadRequestError("Invalid return_url", parameter="confirmation.return_url")
    return body


def check_refund(said: Any) -> Mapping[str, Any]:
    """
    The body of a new refund.

    :raises BadRequestError: it is none
    """
    body = _object(said, _OF_REFUND)
    check_amount(body.get("amount"))
    _check_texts(body, longest_description=250)
    return body


def check_amount(said: Any) -> Decimal:
    """
    :raises BadRequestError: it is no amount
    """
    if not isinstance(said, Mapping) or set(said) != {"value", "currency"}:
        raise BadRequestError("Amount is required", parameter="amount")
    if not _CURRENCY.fullmatch(str(said["currency"])):
        raise BadRequestError("Unknown currency", parameter="amount.currency")
    if not isinstance(said["value"], str) or not _VALUE.fullmatch(said["value"]) or not Decimal(said["value"]):
        raise BadRequestError("Invalid amount", parameter="amount.value")
    return Decimal(said["value"])


def _object(said: Any, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise BadRequestError("Body is no object")
    if unknown := sorted(set(said) - known):
        raise BadRequestError("Unknown parameter", parameter=unknown[0])
    return said


def _check_texts(body: Mapping[str, Any], *, longest_description: int) -> None:
    if len(str(body.get("description", ""))) > longest_description:
        raise BadRequestError("Description is too long", parameter="description")
    metadata = body.get("metadata", {})
    if not isinstance(metadata, Mapping) or len(metadata) > 16:
        raise BadRequestError("Too much metadata", parameter="metadata")
    if any(len(name) > 32 or not isinstance(value, str) or len(value) > 512 for name, value in metadata.items()):
        raise BadRequestError("Metadata is too long", parameter="metadata")
