"""What other systems are told of, and how a message about it is written and signed (the Standard Webhooks spec)."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TYPES: Final[Mapping[str, Promise]] = {
    "invoice.paid": _("an invoice was paid"),
    "payment.refunded": _("a payment was refunded"),
    "payment.refund_failed": _("the money of a refund came back"),
    "payment.disputed": _("a payment was disputed"),
    "wallet.low": _("a balance fell below the limit"),
    "tokens.expiring": _("tokens expire soon"),
    "subscription.started": _("a subscription started"),
    "subscription.renewed": _("a subscription was renewed"),
    "subscription.expiring": _("a subscription ends soon"),
    "subscription.past_due": _("a subscription was not renewed in time"),
    "subscription.expired": _("a subscription ended"),
    "subscription.cancelled": _("a subscription was cancelled"),
    "trial.started": _("a trial started"),
    "referral.rewarded": _("a referral was rewarded"),
}

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  what every secret begins with
SECRET_BYTES: Final = 32

Plain = str | int | bool | None


def plain(facts: Mapping[str, object]) -> dict[str, Plain]:
    """
    Facts as JSON can keep them: ids and moments become text.

    :raises TypeError: a value is something else, and might change under the announcement
    """
    return {name: _plain(name, value) for name, value in facts.items()}


def _plain(name: str, value: object) -> Plain:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return _moment(value)
        case None | bool() | int() | str():
            return value
    raise TypeError(f"{name} is no plain fact: {type(value).__name__}")


def message(*, type: str, created_at: datetime, wallet: UUID | None, facts: Mapping[str, object]) -> bytes:
    """The body that every delivery of an announcement has, byte for byte the same."""
    data = {"wallet": None if wallet is None else str(wallet), **facts}
    told = {"type": type, "timestamp": _moment(created_at), "data": data}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def shown_secret(secret: bytes) -> str:
    """A secret as its receiver keeps it: ``whsec_`` and base64."""
    return SECRET_PREFIX + b64encode(secret).decode()


def signatures(*, message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> str:
    """
    The header ``webhook-signature``: one signature for each secret, so that a receiver knows either.

    :param timestamp: seconds since 1970, as in ``webhook-timestamp``
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    each = (hmac.digest(secret, signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{b64encode(digest).decode()}" for digest in each)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
