"""By which keys it is kept who has had a trial, from the settings."""

from __future__ import annotations

import hmac

from django.conf import settings

from billing.models import Wallet


def owner_hashes(wallet: Wallet) -> list[bytes]:
    """
    What tells whether two owners are the same, and nothing else about them: the Telegram id or the company's under each
    key, the present one first. A person without a Telegram id is known by their own id.
    """
    user = wallet.user
    owner = f"company:{wallet.company_id}"
    if user is not None:
        owner = f"telegram:{user.telegram_id}" if user.telegram_id else f"user:{user.pk}"
    return [hmac.digest(key.encode(), f"dvorik trial {owner}".encode(), "sha256") for key in settings.TRIAL_KEYS]
