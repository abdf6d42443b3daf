"""What answers tell browsers to forbid: one table for every path of the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Nothing of an answer is ever to be shown, framed or run.
ANSWERS: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The page styles its own elements, and has small pictures within its styles.
DOCS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Alpine makes functions of the attributes in the templates, hence 'unsafe-eval'; Unfold and htmx write styles into the
# page. Neither they nor Django write scripts into it, so that nothing else may.
ADMIN: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# Those that Chromium knows: it complains of others on every page.
_FEATURES: Final = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "clipboard-read",
    "clipboard-write",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)

ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def content_policy(path: str) -> str:
    """
    The Content-Security-Policy of whatever is answered at a path.

    :param path: without the query string
    """
    if path == "/admin" or path.startswith("/admin/"):
        return ADMIN
    return DOCS if path == "/api/docs" else ANSWERS


def of(path: str) -> dict[str, str]:
    """
    The headers of every answer at a path, and those of answers that do not say themselves for how long they may be
    kept: people, money and sessions stand in all but a few of them, and those few cost nothing to ask for again.
    """
    return {**ALWAYS, "Content-Security-Policy": content_policy(path), "Cache-Control": "no-store"}
