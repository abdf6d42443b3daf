"""What Stripe's clients send: forms whose fields have names like ``line_items[0][price_data][currency]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_NAME: Final = re.compile(r"(\w+)((?:\[[\w ]*\])*)", re.ASCII)
_PART: Final = re.compile(r"\[([\w ]*)\]", re.ASCII)

_SESSION: Final = frozenset(
    {
        "mode",
        "client_reference_id",
        "line_items",
        "success_url",
        "cancel_url",
        "metadata",
        "payment_intent_data",
        "customer_creation",
    }
)
_PAYMENT: Final = frozenset(
    {"amount", "currency", "customer", "payment_method", "off_session", "confirm", "description", "metadata"}
)
_REFUND: Final = frozenset({"payment_intent", "amount", "metadata"})


class RefusedError(Exception):
    """
    :param says: the message
    :param code: what programs look at: ``charge_already_refunded``
    :param kind: ``invalid_request_error``, ``card_error`` …
    """

    def __init__(
        self, says: str, *, code: str = "", kind: str = "invalid_request_error", status: int = 400, decline: str = ""
    ) -> None:
        super().__init__(says)
        self.says, self.code, self.kind, self.status, self.decline = says, code, kind, status, decline


def unfolded(form: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a form as what they stand for; lists become dicts by their positions."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        matched = _NAME.fullmatch(name)
        if matched is None:
            raise RefusedError(f"Received unknown parameter: {name}", code="parameter_unknown")
        *path, last = [matched[1], *_PART.findall(matched[2])]
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def check_session(said: Mapping[str, Any]) -> dict[str, Any]:
    """
    The price of a new Checkout Session: ``currency``, ``unit_amount``, ``product_data``.

    :raises RefusedError: it is none
    """
    _known(said, _SESSION)
    if said.get("mode") != "payment":
        raise RefusedError("Only payments are made up here")
    for name in ("success_url", "cancel_url"):
        if not str(said.get(name, "")).startswith(("https://", "http://")):
            raise RefusedError("Not a valid URL", code="url_invalid")
    items = said.get("line_items", {})
    if set(items) != {"0"} or items["0"].get("quantity") != "1":
        raise RefusedError("One line item is made up here")
    price: dict[str, Any] = items["0"]["price_data"]
    if not price.get("product_data", {}).get("name"):
        raise RefusedError("Missing required param: product_data[name]", code="parameter_missing")
    check_amount(price.get("unit_amount"), price.get("currency"))
    return price


def check_payment(said: Mapping[str, Any]) -> int:
    """
    The amount of a new PaymentIntent.

    :raises RefusedError: it is none
    """
    _known(said, _PAYMENT)
    if said.get("confirm") != "true" or said.get("off_session") != "true":
        raise RefusedError("Only charges of saved cards are made up here")
    return check_amount(said.get("amount"), said.get("currency"))


def check_refund(said: Mapping[str, Any]) -> None:
    """
    :raises RefusedError: it is no refund
    """
    _known(said, _REFUND)
    if "amount" in said:
        check_amount(said["amount"], "usd")


def check_amount(amount: Any, currency: Any) -> int:
    """
    :raises RefusedError: it is none
    """
    if not re.fullmatch(r"[a-z]{3}", str(currency), re.ASCII):
        raise RefusedError(f"Invalid currency: {currency}")
    if not re.fullmatch(r"[1-9][0-9]{0,11}", str(amount), re.ASCII):
        raise RefusedError("Invalid positive integer", code="parameter_invalid_integer")
    return int(amount)


def _known(said: Mapping[str, Any], names: frozenset[str]) -> None:
    if unknown := sorted(set(said) - names):
        raise RefusedError(f"Received unknown parameter: {unknown[0]}", code="parameter_unknown")
