"""
What a Mini App hands over about its user (``Telegram.WebApp.initData``), and whether Telegram has signed it.

Formulas: https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app, by the own bot's token
(HMAC), or by Telegram's public key (Ed25519) for bots whose token somebody else has.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# A Mini App hands its data over when it opens, and is given tokens for what comes later.
LONGEST_AGE: Final = timedelta(hours=1)
# How far the clocks of Telegram and of the database may lie apart.
LEEWAY: Final = timedelta(seconds=30)

_LONGEST: Final = 16_384
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOMENT: Final = re.compile(r"[1-9]\d{0,10}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{86}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NAMES: Final[Mapping[str, int]] = {"username": 64, "first_name": 255, "last_name": 255, "language_code": 16}
_GREATEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Whose signatures count.

    :param bot_token: of the own bot; empty for none
    :param third_party_bots: the ids of bots of others
    :param public_key: Telegram's own, 32 bytes in hexadecimal
    """

    bot_token: str
    third_party_bots: Sequence[int]
    public_key: str


@dataclass(frozen=True, slots=True)
class MiniAppUser:
    """Who opened the Mini App, as Telegram says; what it does not say is empty."""

    telegram_id: int
    username: str
    first_name: str
    last_name: str
    language_code: str
    is_premium: bool


@dataclass(frozen=True, slots=True)
class InitData:
    """
    :param digest: the SHA-256 of what was signed, the same however it is ordered, spelled and signed
    """

    user: MiniAppUser
    auth_date: datetime
    digest: bytes

    def is_fresh(self, now: datetime) -> bool:
        """Whether it was signed lately, and not in the future."""
        return now - LONGEST_AGE <= self.auth_date <= now + LEEWAY


def read(text: str, trust: Trust) -> InitData | None:
    """What a Mini App has handed over; None where it is malformed, or signed by nobody whom we trust."""
    fields = _fields(text)
    if fields is None or not (_is_from_own_bot(fields, trust) or _is_from_telegram(fields, trust)):
        return None
    moment = fields.get("auth_date", "")
    user = _user(fields.get("user", ""))
    if user is None or not _MOMENT.fullmatch(moment):
        return None
    return InitData(
        user=user,
        auth_date=datetime.fromtimestamp(int(moment), UTC),
        digest=sha256(_lines(fields, without=("hash", "signature")).encode()).digest(),
    )


def _fields(text: str) -> dict[str, str] | None:
    """The parts of a query string, each named once; None for anything else."""
    if not text.isascii() or len(text) > _LONGEST:
        return None
    fields: dict[str, str] = {}
    for part in text.split("&"):
        name, is_told, value = part.partition("=")
        try:
            # As forms are encoded: a plus is a space.
            name, value = (unquote_to_bytes(each.replace("+", " ")).decode("utf-8") for each in (name, value))
        except UnicodeDecodeError:
            return None
        # A line break could make two fields out of one.
        if not is_told or not name or name in fields or "\n" in name or "\n" in value:
            return None
        fields[name] = value
    return fields


def _lines(fields: Mapping[str, str], *, without: Sequence[str]) -> str:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without)


def _is_from_own_bot(fields: Mapping[str, str], trust: Trust) -> bool:
    shown = fields.get("hash", "")
    if not trust.bot_token or not _HASH.fullmatch(shown):
        return False
    key = hmac.digest(b"WebAppData", trust.bot_token.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, _lines(fields, without=("hash",)).encode(), "sha256").hex(), shown)


def _is_from_telegram(fields: Mapping[str, str], trust: Trust) -> bool:
    shown = fields.get("signature", "")
    if not trust.third_party_bots or not _SIGNATURE.fullmatch(shown):
        return False
    try:
        signature = base64.b64decode(f"{shown}==", altchars=b"-_", validate=True)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(trust.public_key))
    except (binascii.Error, ValueError):
        return False
    said = _lines(fields, without=("hash", "signature"))
    return any(_has_signed(key, signature, f"{bot}:WebAppData\n{said}") for bot in trust.third_party_bots)


def _has_signed(key: Ed25519PublicKey, signature: bytes, said: str) -> bool:
    try:
        key.verify(signature, said.encode())
    except InvalidSignature:
        return False
    return True


def _user(text: str) -> MiniAppUser | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("is_bot", False) is not False:
        return None
    number, is_premium = said.get("id"), said.get("is_premium", False)
    names = {name: said.get(name, "") for name in _NAMES}
    if type(number) is not int or not 0 < number <= _GREATEST_ID or not isinstance(is_premium, bool):
        return None
    if not all(_is_name(names[name], longest) for name, longest in _NAMES.items()):
        return None
    return MiniAppUser(telegram_id=number, is_premium=is_premium, **names)


def _is_name(said: Any, longest: int) -> bool:
    return isinstance(said, str) and len(said) <= longest and not _CONTROL.search(said)
