"""``Authorization: Bearer <access token>``: a person, in one of their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import queries
from accounts.keyring import keyring
from accounts.models import User
from accounts.people import actor_of
from accounts.rules import access_tokens, second_factors
from accounts.runtime_settings import STEP_UP_MINUTES
from core.actors import Actor
from core.errors import CredentialsInvalid

_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class PersonCredentials:
    """
    Which person acts, and in which session: ``request.auth``.

    :param is_staff_here: whether it is one of the staff, who has shown a second factor in this session or needs none:
        only then may the session do what their role permits
    :param verified_at: when a second factor was last shown in this session
    :param factor_since: since when the person has the second factor that they have
    :param now: the moment of the request, by the database's clock
    :param scopes: none: what servers may do is not what people may do
    """

    user_id: UUID
    session_id: UUID
    actor: Actor
    is_staff_here: bool
    verified_at: datetime | None
    factor_since: datetime | None
    now: datetime
    scopes: frozenset[str] = frozenset()

    def is_lately_verified(self) -> bool:
        """Whether a second factor was shown so lately that grave deeds need not ask; true where there is none."""
        return second_factors.is_recent(
            verified_at=self.verified_at,
            factor_since=self.factor_since,
            now=self.now,
            within=timedelta(minutes=STEP_UP_MINUTES.get()),
        )

    def holds(self, permission: str) -> bool:
        """
        Whether they may act as staff here and have a permission, ``app.codename``. Asked anew each time, so that a role
        that was taken away is gone at once. One query.
        """
        return self.is_staff_here and queries.has_permission(self.user_id, permission)


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
        is_staff_here = living.user.is_staff and second_factors.acts_as_staff(
            verified_at=living.verified_at,
            factor_since=living.factor_since,
            is_required=settings.REQUIRE_STAFF_2FA,
        )
        return living.user, PersonCredentials(
            user_id=living.user.pk,
            session_id=claims.session_id,
            actor=actor,
            is_staff_here=is_staff_here,
            verified_at=living.verified_at,
            factor_since=living.factor_since,
            now=living.now,
        )
