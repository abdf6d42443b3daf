"""Routes about people."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries
from accounts.api import throttles
from accounts.api.serializers import (
    FirstSightSerializer,
    OwnProfileSerializer,
    ProfileSerializer,
    UserParams,
    UserSerializer,
)
from accounts.balances import balances_of
from accounts.errors import ReferralCodeUnknown, UserAnonymised, UserNotFound
from accounts.models import User
from accounts.operations import users
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import Own, by_method, may
from core.api.views import ApiView
from core.errors import ValidationFailed

_DIGITS: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)

ANNA: Final = {
    "id": "01980f2a-3b4c-7d5e-8f90-123456789abc",
    "telegram_id": 700000001,
    "username": "anna",
    "first_name": "Anna",
    "last_name": "",
    "language_code": "ru",
    "is_premium": False,
    "referral_code": "7K3M9QXZ",
    "referred_by": None,
    "token_balance": 70,
    "balance_version": 2,
    "subscription_end": None,
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}

_SELF: Final = Own("user_id", otherwise=UserNotFound)
_TELEGRAM_ID: Final = OpenApiParameter(
    "telegram_id",
    {"type": "integer", "format": "int64", "minimum": 1},
    OpenApiParameter.PATH,
    description="The id that Telegram gives a person.",
)


class UserByTelegramView(ApiView):
    # A bot's own: whoever writes to it is registered, by nobody else's hand.
    permission_classes = [may(scopes=("users:write",))]

    @extend_schema(parameters=[_TELEGRAM_ID])
    @documented(
        summary="Register a customer, or bring what is known up to date",
        body=FirstSightSerializer,
        answers={200: UserSerializer, 201: UserSerializer},
        errors=[ReferralCodeUnknown],
        examples=[
            Example("first message", body={"username": "anna", "first_name": "Anna"}, answer=ANNA, status=201),
        ],
    )
    def put(self, request: Request, telegram_id: str) -> Response:
        """
        201 when the person is new, 200 when they were known. Call it on every message: names that changed are
        updated, and however many first messages arrive at once make one person. The referrer is bound on 201 only.
        """
        user, is_new = users.get_or_create_from_telegram(telegram_id=_number(telegram_id), **self.body(), by=self.actor)
        if is_new:
            throttles.watch_registrations(self.actor)
        return Response(_shown(user), status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class UserListView(ApiView):
    permission_classes = [may(scopes=("users:read",), permission="accounts.view_user")]

    @documented(
        summary="List customers, newest first",
        operation_id="users_list",
        query=UserParams,
        answers={200: paged(UserSerializer)},
        examples=[Example("a page", answer={"results": [ANNA], "next": None, "previous": None})],
    )
    def get(self, request: Request) -> Response:
        """Everybody who was ever seen, and staff. ``search`` finds by id and by the beginning of a username."""
        query = self.query()
        rows = queries.list_users(search=query.get("search", ""))
        page = Keyset("-created_at", "-id").page(rows, limit=query["limit"], cursor=query.get("cursor"))
        balances = balances_of(user.pk for user in page.rows)
        return Response(page.as_answer(UserSerializer(context={"balances": balances}).to_representation))


class UserView(ApiView):
    permission_classes = [
        by_method(
            GET=may(scopes=("users:read",), permission="accounts.view_user", own=_SELF),
            PATCH=may(scopes=("users:write",), permission="accounts.change_user", own=_SELF),
        )
    ]

    @documented(
        summary="One customer",
        answers={200: UserSerializer},
        errors=[UserNotFound],
        examples=[Example("found", answer=ANNA)],
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """A person with their balance. People see themselves, servers see whom they may."""
        return Response(_shown(queries.get_user(user_id)))

    @documented(
        summary="Change what is known about a customer",
        body=ProfileSerializer,
        answers={200: UserSerializer},
        errors=[UserNotFound, UserAnonymised],
        examples=[Example("a new name", body={"first_name": "Anna"}, answer=ANNA)],
    )
    def patch(self, request: Request, user_id: UUID) -> Response:
        """
        What is absent stays as it is. The Telegram id and the referrer never change. People say of themselves what
        they are called and which language they read; the rest is Telegram's to say.
        """
        told = self.read(OwnProfileSerializer) if self.admission.only_of else self.body()
        return Response(_shown(users.update(user_id=user_id, **told, by=self.actor)))


def _number(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise ValidationFailed(fields={"telegram_id": [_("It must be a positive number of 64 bits.")]})
    return int(text)


def _shown(user: User) -> dict[str, object]:
    return UserSerializer(context={"balances": balances_of([user.pk])}).to_representation(user)
