"""The server's own keys, from the settings."""

from functools import cache

from django.conf import settings

from accounts.rules.access_tokens import Keyring


def keyring() -> Keyring:
    """The keys in force."""
    return _of(tuple(settings.TOKEN_KEYS.items()))


@cache
def _of(secrets: tuple[tuple[str, str], ...]) -> Keyring:
    return Keyring(dict(secrets))
