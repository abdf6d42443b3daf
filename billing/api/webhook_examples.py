"""One receiver's story, from which the document's examples of webhooks are taken."""

from __future__ import annotations

from typing import Any, Final

_ENDPOINT: Final = "01980f2a-c384-7596-81a2-b33445566778"

NEW: Final[dict[str, Any]] = {
    "url": "https://shop.example/hooks",
    "events": ["invoice.paid", "wallet.low"],
    "description": "The shop's own server",
}
ENDPOINT: Final[dict[str, Any]] = {
    "id": _ENDPOINT,
    **NEW,
    "is_active": True,
    "previous_secret_ends_at": None,
    "created_at": "2026-01-31T12:00:00Z",
}
SECRETIVE: Final[dict[str, Any]] = {
    "endpoint": ENDPOINT,
    "secret": "whsec_dGhpcyBpcyBhbiBleGFtcGxlLCBhbmQgbm8gc2VjcmV0",
}
DELIVERY: Final[dict[str, Any]] = {
    "id": "01980f2a-d495-76a7-82b3-c44556677889",
    "message_id": "01980f2a-e5a6-77b8-83c4-d5566778899a",
    "type": "invoice.paid",
    "endpoint": _ENDPOINT,
    "state": "delivered",
    "attempts": 2,
    "next_attempt_at": None,
    "last_status": 204,
    "last_error": "",
    "delivered_at": "2026-01-31T12:03:25Z",
    "created_at": "2026-01-31T12:03:00Z",
}
