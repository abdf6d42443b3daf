"""What Telegram checks in the parameters of its Bot API, and how it words what it does not like."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from html import unescape
from typing import Any, Final

from scripts.fakes.server import Request

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:\s[^<>]*)?)>|<")
_TAGS: Final = frozenset(
    {
        *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler"),
        *("a", "tg-emoji", "code", "pre", "blockquote"),
    }
)
MONTH: Final = 2_592_000
_MOST_STARS: Final = 100_000
_MOST_STARS_OF_A_SUBSCRIPTION: Final = 10_000
Parameters = Mapping[str, Any]


class BadRequestError(Exception):
    """
    What was asked for is wrong.

    :param says: as Telegram words it, without its ``Bad Request: ``
    """

    def __init__(self, says: str, *, status: int = 400) -> None:
        super().__init__(says)
        self.says = says if status != 400 else f"Bad Request: {says}"
        self.status = status


@dataclass(frozen=True, slots=True)
class Field:
    """
    :param kind: ``int``, ``str``, ``bool``, ``json`` or ``chat`` (a number or ``@name``)
    :param shortest: in characters
    :param longest: in characters; of ``bytes_longest`` in bytes
    """

    kind: str = "str"
    required: bool = False
    shortest: int = 0
    longest: int | None = None
    bytes_longest: int | None = None


REQUIRED_INT: Final = Field("int", required=True)
REQUIRED_STR: Final = Field("str", required=True, shortest=1)
REQUIRED_CHAT: Final = Field("chat", required=True)

METHODS: Final[Mapping[str, Mapping[str, Field]]] = {
    "getMe": {},
    "getChat": {"chat_id": REQUIRED_CHAT},
    "sendMessage": {
        "chat_id": REQUIRED_CHAT,
        "text": Field(required=True),
        "parse_mode": Field(),
        "reply_markup": Field("json"),
        "disable_notification": Field("bool"),
        "disable_web_page_preview": Field("bool"),
        "protect_content": Field("bool"),
        "link_preview_options": Field("json"),
        "entities": Field("json"),
    },
    "createInvoiceLink": {
        "title": Field(required=True, shortest=1, longest=32),
        "description": Field(required=True, shortest=1, longest=255),
        "payload": Field(required=True, shortest=1, bytes_longest=128),
        "provider_token": Field(),
        "currency": Field(required=True, shortest=3, longest=3),
        "prices": Field("json", required=True),
        "subscription_period": Field("int"),
        "photo_url": Field(),
        "provider_data": Field(),
        "need_email": Field("bool"),
        "need_name": Field("bool"),
        "need_phone_number": Field("bool"),
        "need_shipping_address": Field("bool"),
        "send_email_to_provider": Field("bool"),
        "send_phone_number_to_provider": Field("bool"),
        "is_flexible": Field("bool"),
        "max_tip_amount": Field("int"),
        "suggested_tip_amounts": Field("json"),
    },
    "answerPreCheckoutQuery": {
        "pre_checkout_query_id": REQUIRED_STR,
        "ok": Field("bool", required=True),
        "error_message": Field(longest=255),
    },
    "refundStarPayment": {"user_id": REQUIRED_INT, "telegram_payment_charge_id": REQUIRED_STR},
    "editUserStarSubscription": {
        "user_id": REQUIRED_INT,
        "telegram_payment_charge_id": REQUIRED_STR,
        "is_canceled": Field("bool", required=True),
    },
    "getStarTransactions": {"offset": Field("int"), "limit": Field("int")},
    "getMyStarBalance": {},
    "setWebhook": {
        "url": Field(required=True),
        "secret_token": Field(longest=256),
        "allowed_updates": Field("json"),
        "max_connections": Field("int"),
        "drop_pending_updates": Field("bool"),
    },
    "deleteWebhook": {"drop_pending_updates": Field("bool")},
    "getWebhookInfo": {},
    "getUpdates": {
        "offset": Field("int"),
        "limit": Field("int"),
        "timeout": Field("int"),
        "allowed_updates": Field("json"),
    },
}


def parameters(request: Request, fields: Mapping[str, Field]) -> dict[str, Any]:
    """
    The parameters of a call, however it was sent: JSON, a form, the query string.

    :raises BadRequestError: one is missing, too long, or of another type
    """
    sent = {**request.query, **_body(request)}
    found: dict[str, Any] = {}
    for name, field in fields.items():
        value = _typed(name, field, sent.get(name))
        if value is None:
            if field.required:
                raise BadRequestError(f'parameter "{name}" is required')
            continue
        if isinstance(value, str):
            too_long = field.longest is not None and utf16_length(value) > field.longest
            if field.bytes_longest is not None:
                too_long = too_long or len(value.encode()) > field.bytes_longest
            if too_long or len(value) < field.shortest:
                raise BadRequestError(f"{name} must be {field.shortest} to {field.longest or field.bytes_longest} long")
        found[name] = value
    return found


def _body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        try:
            value = request.json() if request.body else {}
        except ValueError:
            raise BadRequestError("can't parse JSON object") from None
        return value if isinstance(value, dict) else {}
    if kind.startswith("multipart/form-data"):
        whole = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
        return {
            str(part.get_param("name", header="content-disposition")): str(part.get_content())
            for part in whole.iter_parts()
        }
    return dict(request.form())


def _typed(name: str, field: Field, value: Any) -> Any:
    if value is None or (field.kind != "str" and value == ""):
        return None
    try:
        match field.kind:
            case "str" if not isinstance(value, dict | list):
                return str(value)
            case "int":
                return int(value)
            case "bool":
                return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
            case "chat":
                return value if str(value).startswith("@") else int(value)
            case "json":
                return json.loads(value) if isinstance(value, str) else value
    except (ValueError, TypeError, KeyError):
        pass
    raise BadRequestError(f'parameter "{name}" has an invalid type')


def check_invoice(said: Parameters) -> int:
    """
    Hold an invoice against the rules, those of Stars among them.

    :returns: the total, in the currency's smallest units
    :raises BadRequestError: a rule is broken
    """
    prices = said["prices"]
    if not isinstance(prices, list) or not prices:
        raise BadRequestError("prices must be a non-empty array")
    for price in prices:
        if not isinstance(price, dict) or not str(price.get("label", "")) or not _is_int(price.get("amount")):
            raise BadRequestError("can't parse labeled price")
    total = sum(price["amount"] for price in prices)
    period = said.get("subscription_period")
    if said["currency"] == "XTR":
        if said.get("provider_token"):
            raise BadRequestError("PAYMENT_PROVIDER_INVALID")
        if len(prices) != 1 or not 1 <= total <= _MOST_STARS:
            raise BadRequestError("STARS_INVOICE_INVALID")
        if period is not None and (period != MONTH or total > _MOST_STARS_OF_A_SUBSCRIPTION):
            raise BadRequestError("SUBSCRIPTION_PERIOD_INVALID")
        return int(total)
    if not said.get("provider_token"):
        raise BadRequestError("PAYMENT_PROVIDER_INVALID")
    if not re.fullmatch("[A-Z]{3}", said["currency"]):
        raise BadRequestError("CURRENCY_INVALID")
    if period is not None:
        raise BadRequestError("SUBSCRIPTION_PERIOD_INVALID")
    if total <= 0:
        raise BadRequestError("CURRENCY_TOTAL_AMOUNT_INVALID")
    return int(total)


def check_text(text: str, parse_mode: str) -> None:
    """
    Hold a message's text against the rules.

    :raises BadRequestError: it is empty, too long, or its tags do not fit
    """
    shown = text
    if parse_mode.upper() == "HTML":
        shown = _without_tags(text)
    elif parse_mode and parse_mode not in {"Markdown", "MarkdownV2"}:
        raise BadRequestError("unsupported parse_mode")
    if not shown.strip():
        raise BadRequestError("message text is empty")
    if utf16_length(shown) > 4096:
        raise BadRequestError("message is too long")


def _without_tags(text: str) -> str:
    opened: list[str] = []
    for found in _TAG.finditer(text):
        at = len(text[: found.start()].encode())
        closes, name = found.group(1), (found.group(2) or "").lower()
        if name not in _TAGS:
            raise BadRequestError(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {at}')
        if not closes:
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise BadRequestError(f"can't parse entities: Unexpected end tag at byte offset {at}")
    if opened:
        raise BadRequestError(f"can't parse entities: Can't find end tag corresponding to start tag \"{opened[-1]}\"")
    return unescape(_TAG.sub("", text))


def utf16_length(text: str) -> int:
    """As Telegram counts characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
