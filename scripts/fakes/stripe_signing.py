"""How Stripe signs: over the moment and the bytes, once for each secret that is in force."""

from __future__ import annotations

import hashlib
import hmac
import time


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def signed(body: bytes, *secrets: str, at: int | None = None) -> str:
    """
    The header ``Stripe-Signature`` of a body.

    :param secrets: one, or during a rotation two
    :param at: the moment that it names; now by default
    """
    moment = now() if at is None else at
    each = (hmac.new(secret.encode(), b"%d.%s" % (moment, body), hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={moment}", *(f"v1={signature}" for signature in each), f"v0={'0' * 64}"])
