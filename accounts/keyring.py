"""The server's own keys, from the settings."""

import hmac
from base64 import urlsafe_b64encode
from functools import cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from accounts.rules.access_tokens import Keyring

_SECOND_FACTORS: Final = "second factors"


def keyring() -> Keyring:
    """The keys in force."""
    return _of(tuple(settings.TOKEN_KEYS.items()))


def sealer(purpose: str = _SECOND_FACTORS) -> MultiFernet:
    """
    What seals secrets that must be read again: by the present SECRET_KEY, and opens what its fallbacks have sealed.

    :param purpose: of the secrets; what is sealed for one does not open for another
    """
    return _sealer_of(purpose, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def is_sealed_by_present_key(sealed: bytes, purpose: str = _SECOND_FACTORS) -> bool:
    """Whether it will still open when the fallbacks of SECRET_KEY are dropped."""
    try:
        _sealer_of(purpose, (settings.SECRET_KEY,)).decrypt(sealed)
    except InvalidToken:
        return False
    return True


@cache
def _sealer_of(purpose: str, secrets: tuple[str, ...]) -> MultiFernet:
    # One secret, a key of its own for each purpose.
    keys = (hmac.digest(secret.encode(), f"dvorik {purpose}".encode(), "sha256") for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


@cache
def _of(secrets: tuple[tuple[str, str], ...]) -> Keyring:
    return Keyring(dict(secrets))
