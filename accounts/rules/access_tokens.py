"""
Access tokens: JWT (RFC 7519), signed with HMAC-SHA-256 and no other algorithm, for ten minutes.

Moments are compared by whoever knows the database's clock: nothing here reads one.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import jwt

ALGORITHM: Final = "HS256"
ISSUER: Final = "dvorik"
AUDIENCE: Final = "dvorik-api"
TYPE: Final = "access"
LIFETIME: Final = timedelta(minutes=10)
# How far the clocks of two servers may lie apart.
LEEWAY: Final = timedelta(seconds=30)

_CLAIMS: Final = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ")
# Three parts of base64url, none of them as long as a body: what is longer is not looked at.
_FORM: Final = re.compile(r"[\w-]{1,200}\.[\w-]{1,800}\.[\w-]{1,100}", re.ASCII)
_CHECKED: Final[Any] = {
    "require": list(_CLAIMS),
    # By the database's clock, afterwards.
    "verify_exp": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """
    What a token says, if one of our keys has signed it.

    :param issued_at: not in the future, but for the leeway
    :param expires_at: not in the past, but for the leeway
    """

    user_id: UUID
    session_id: UUID
    issued_at: datetime
    expires_at: datetime

    def is_in_force(self, now: datetime) -> bool:
        """Whether the token counts at a moment."""
        return self.issued_at - LEEWAY <= now < self.expires_at + LEEWAY


@dataclass(frozen=True)
class Keyring:
    """
    The server's keys: the first one signs, all of them are believed.

    :param secrets: by ``kid``
    """

    secrets: Mapping[str, str]

    @cached_property
    def signing(self) -> Mapping[str, bytes]:
        """The keys of access tokens, by ``kid``."""
        return self._derived("access tokens")

    @cached_property
    def succession(self) -> tuple[bytes, ...]:
        """The keys by which refresh tokens follow each other, the present one first."""
        return tuple(self._derived("refresh tokens").values())

    def _derived(self, purpose: str) -> dict[str, bytes]:
        # One secret, a key of its own for each purpose.
        return {
            kid: hmac.digest(secret.encode(), f"dvorik {purpose}".encode(), "sha256")
            for kid, secret in self.secrets.items()
        }


def issue(*, user_id: UUID, session_id: UUID, token_id: UUID, now: datetime, keyring: Keyring) -> str:
    """
    A token for the person in a session, from now on.

    :param token_id: its ``jti``
    """
    kid, key = next(iter(keyring.signing.items()))
    issued_at = int(now.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "sid": str(session_id),
        "jti": str(token_id),
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "typ": TYPE,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})


def read(text: str, keyring: Keyring) -> Claims | None:
    """What a token says; None where it is malformed, not an access token, not for us, or not signed by our keys."""
    if not _FORM.fullmatch(text):
        return None
    try:
        kid = jwt.get_unverified_header(text).get("kid")
        key = keyring.signing.get(kid) if isinstance(kid, str) else None
        if key is None:
            return None
        said = jwt.decode(text, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=_CHECKED)
        if said["typ"] != TYPE:
            return None
        return Claims(
            user_id=UUID(said["sub"]),
            session_id=UUID(said["sid"]),
            issued_at=datetime.fromtimestamp(said["iat"], UTC),
            expires_at=datetime.fromtimestamp(said["exp"], UTC),
        )
    # A header may hold any JSON: nested too deep, of a wrong type, with numbers beyond all time.
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
