"""``Authorization: Api-Key <key>``: who is calling, without a query for most calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import limits, queries
from accounts.api import key_use, throttles
from accounts.errors import ApiKeyElsewhere
from accounts.rules import keys
from accounts.runtime_settings import API_KEY_REQUESTS_PER_MINUTE
from core.actors import Actor, circumstances
from core.errors import CredentialsInvalid

# How long a good answer may be believed: a revoked key is refused within this time.
BELIEVED_SECONDS: Final = 1.0
_MOST_ANSWERS: Final = 10_000
_SCHEME: Final = "api-key"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKeyCredentials:
    """What a server may do and who it is: ``request.auth``."""

    key_id: UUID
    scopes: frozenset[str]
    actor: Actor
    allowed_networks: tuple[str, ...] = ()
    requests_per_minute: int = API_KEY_REQUESTS_PER_MINUTE.default


@dataclass(frozen=True, slots=True)
class ApiKeyCaller:
    """``request.user`` of a server: no person is loaded for it, and it holds no permission of Admin."""

    pk: UUID
    name: str

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False
    is_superuser: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Never: a key's rights are its scopes."""
        return False


# By the digest of the secret, so that no secret stays in memory: the answer, and until when it is believed.
_answers: dict[bytes, tuple[ApiKeyCredentials, float]] = {}


def forget_answers() -> None:
    """Ask the database again for every key, at once."""
    _answers.clear()


class ApiKeyAuthentication(BaseAuthentication):
    """
    Servers show their key. Good answers are believed for a second in each process; bad ones are not kept at all.
    """

    def authenticate(self, request: Request) -> tuple[Any, ApiKeyCredentials] | None:
        """
        Who calls, or None where no API key is shown.

        :raises core.errors.CredentialsInvalid: the key is malformed, unknown, revoked or expired
        :raises accounts.errors.ApiKeyElsewhere: the key is good, but not from here
        :raises core.errors.RateLimited: the key has made too many requests, or too many bad keys came from here
        :raises core.errors.Unavailable: neither can be counted now
        """
        shown = _shown(request.META)
        if shown is None:
            return None
        credentials = _credentials(shown)
        if not keys.is_allowed_from(circumstances().ip, credentials.allowed_networks):
            log.warning("api_key_elsewhere", api_key=str(credentials.key_id), ip=circumstances().ip)
            raise ApiKeyElsewhere
        throttles.count_request(
            key_id=credentials.key_id, per_minute=credentials.requests_per_minute, method=request.method
        )
        request._request.actor = credentials.actor  # type: ignore[attr-defined]  # the request's log line names it
        return ApiKeyCaller(credentials.key_id, credentials.actor.label), credentials


def _shown(meta: Mapping[str, Any]) -> str | None:
    scheme, _space, shown = str(meta.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return shown if scheme.lower() == _SCHEME else None


def _credentials(shown: str) -> ApiKeyCredentials:
    key = keys.parse(shown)
    if key is None:
        raise CredentialsInvalid
    digest = key.digest
    now = monotonic()
    known = _answers.get(digest)
    if known and now < known[1]:
        return known[0]
    row = queries.find_key_in_force(key.prefix)
    if row is None or not key.fits(row.secret_hash):
        _answers.pop(digest, None)
        log.warning("api_key_refused", prefix=key.prefix)
        # Only what is refused is counted: whoever shows a good key from the same address is not held up by others.
        throttles.count_from_here(limits.KEYS_REFUSED_FROM_AN_ADDRESS)
        raise CredentialsInvalid
    credentials = ApiKeyCredentials(
        key_id=row.id,
        scopes=row.scopes,
        actor=Actor(
            kind="api_key", id=str(row.id), label=row.name, user_id=str(row.owner_id) if row.owner_id else None
        ),
        allowed_networks=row.allowed_networks,
        requests_per_minute=row.requests_per_minute,
    )
    believed = BELIEVED_SECONDS if row.expires_in is None else min(BELIEVED_SECONDS, row.expires_in.total_seconds())
    if len(_answers) >= _MOST_ANSWERS:
        _answers.clear()
    _answers[digest] = credentials, now + believed
    if not row.is_use_known:
        key_use.note(row.id)
    return credentials
