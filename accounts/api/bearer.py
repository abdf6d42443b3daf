"""``Authorization: Bearer <access token>``: a person, in one of their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import queries
from accounts.keyring import keyring
from accounts.models import User
from accounts.people import actor_of
from accounts.rules import access_tokens
from core.actors import Actor
from core.errors import CredentialsInvalid

_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class PersonCredentials:
    """
    Which person acts, and in which session: ``request.auth``.

    :param scopes: none: what servers may do is not what people may do
    """

    user_id: UUID
    session_id: UUID
    actor: Actor
    scopes: frozenset[str] = frozenset()


class BearerAuthentication(BaseAuthentication):
    """
    People show an access token. The session behind it is asked for each time, so that a revoked one, and a person who
    is kept out, are refused at once; nothing is believed from one request to the next.
    """

    def authenticate(self, request: Request) -> tuple[User, PersonCredentials] | None:
        """
        Who calls, or None where no access token is shown.

        :raises core.errors.CredentialsInvalid: the token is malformed, forged or expired, or its session is over
        """
        scheme, _space, shown = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        claims = access_tokens.read(shown, keyring())
        if claims is None:
            raise CredentialsInvalid
        living = queries.find_living_session(claims.session_id)
        if living is None or living.user.pk != claims.user_id or not claims.is_in_force(living.now):
            raise CredentialsInvalid
        actor = actor_of(living.user)
        request._request.actor = actor  # type: ignore[attr-defined]  # the request's log line names it
        return living.user, PersonCredentials(living.user.pk, claims.session_id, actor)
