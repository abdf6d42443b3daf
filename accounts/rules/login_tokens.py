"""What is kept of the secrets of a login that waits for the bot."""

from __future__ import annotations

from hashlib import sha256


def digest(text: str) -> bytes:
    """
    The SHA-256 of a token or a nonce, which alone is stored.

    :param text: as it was shown; whatever it is, it has a digest
    """
    return sha256(text.encode(errors="surrogatepass")).digest()
