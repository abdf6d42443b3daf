"""
Codes by time (TOTP, RFC 6238: SHA-1, six digits, 30 seconds, as every authenticator app has them), backup codes, and
what having shown one is worth.

Moments come from whoever knows the database's clock: nothing here reads one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlencode

from django_otp.oath import hotp

STEP_SECONDS: Final = 30
DIGITS: Final = 6
# How many steps a phone's clock may be behind or ahead.
TOLERANCE: Final = 1
BACKUP_CODES: Final = 10
LONGEST_CODE: Final = 40

_SECRET_BYTES: Final = 20
_CODE: Final = re.compile(rf"\d{{{DIGITS}}}", re.ASCII)
# Crockford's base 32: 16 letters are 80 bits, so that no salt or slow hash is needed.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_BACKUP_CODE: Final = re.compile(rf"[{_ALPHABET}]{{16}}", re.ASCII)
_ALIKE: Final = str.maketrans("oil", "011")


def new_secret() -> bytes:
    """A secret that has never been before: 160 bits."""
    return secrets.token_bytes(_SECRET_BYTES)


def spelled(secret: bytes) -> str:
    """A secret as people type it into a phone that cannot read the picture: ``JBSW Y3DP …``."""
    text = b32encode(secret).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address(secret: bytes, *, account: str, issuer: str) -> str:
    """What the picture says to an authenticator app: an ``otpauth://`` address."""
    query = urlencode(
        {"secret": b32encode(secret).decode(), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS},
        quote_via=quote,
    )
    return f"otpauth://totp/{quote(f'{issuer}:{account}', safe=':')}?{query}"


def step_of(now: datetime) -> int:
    """The time step of a moment."""
    return int(now.timestamp()) // STEP_SECONDS


def code_of(secret: bytes, step: int) -> str:
    """The code that a phone shows during a step."""
    return f"{hotp(secret, step, DIGITS):0{DIGITS}d}"


def matching_step(secret: bytes, typed: str, *, now: datetime, after: int = 0) -> int | None:
    """
    The step whose code was typed; None where it is no code of these minutes.

    :param after: the newest step that was used: only later ones count
    """
    code = _bare(typed)
    if not _CODE.fullmatch(code):
        return None
    here = step_of(now)
    # All of them are compared, whichever fits: the time it takes tells nothing.
    fitting = [
        step
        for step in range(here - TOLERANCE, here + TOLERANCE + 1)
        if hmac.compare_digest(code_of(secret, step), code) and step > after
    ]
    return fitting[0] if fitting else None


def new_backup_codes() -> list[str]:
    """Ten codes that have never been before, as people write them down: ``k3v9-…``."""
    drawn = ("".join(secrets.choice(_ALPHABET) for _letter in range(16)) for _code in range(BACKUP_CODES))
    return [f"{text[:4]}-{text[4:8]}-{text[8:12]}-{text[12:]}" for text in drawn]


def backup_digest(typed: str) -> bytes | None:
    """What is stored of a backup code; None for what is not one. Case, hyphens and look-alike letters do not count."""
    code = _bare(typed).lower().translate(_ALIKE)
    return sha256(code.encode()).digest() if _BACKUP_CODE.fullmatch(code) else None


def acts_as_staff(*, verified_at: datetime | None, factor_since: datetime | None, is_required: bool) -> bool:
    """
    Whether a session of somebody who works here has their rights.

    :param verified_at: when a code was last shown in it
    :param factor_since: since when they have the factor that they have; None where they have none
    :param is_required: whether everybody must have one
    """
    if factor_since is None:
        return not is_required
    return verified_at is not None and verified_at >= factor_since


def is_recent(*, verified_at: datetime | None, factor_since: datetime | None, now: datetime, within: timedelta) -> bool:
    """Whether a code was shown so lately that it need not be asked for again. Who has no factor is not asked."""
    if factor_since is None:
        return True
    return verified_at is not None and verified_at >= factor_since and verified_at > now - within


def _bare(typed: str) -> str:
    return re.sub(r"[\s\-]", "", typed[:LONGEST_CODE])
