"""Routes about the people who work here, for superadmins."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries, superadmins
from accounts.api.permissions import ManagesStaff
from accounts.api.session_serializers import PasswordField
from accounts.errors import (
    LastSuperadmin,
    LoginTaken,
    NotYourself,
    PasswordTooWeak,
    RoleUnknown,
    UserNotFound,
)
from accounts.models import User
from accounts.operations import staff
from accounts.roles import ROLES
from core.api.declarations import Example, documented
from core.api.fields import BoolField, IdField, MomentField, TextField
from core.api.pagination import Keyset, paged
from core.api.permissions import LatelyVerified
from core.api.serializers import ListParams, StrictSerializer
from core.api.views import ApiView
from core.errors import StepUpRequired

OLGA: Final = {
    "id": "01980f2a-3b4c-7d5e-8f90-123456789abf",
    "username": "olga",
    "first_name": "Olga",
    "role": "operator",
    "is_active": True,
    "has_second_factor": False,
    "created_at": "2026-01-31T12:00:00Z",
}


class AdminSerializer(serializers.Serializer[User]):
    """Somebody who works here."""

    id = IdField()
    username = serializers.CharField(source="login", help_text=_("What they log in with."))
    first_name = serializers.CharField()
    role = serializers.SerializerMethodField()
    is_active = serializers.BooleanField(help_text=_("Whether they may come in."))
    has_second_factor = serializers.SerializerMethodField()
    created_at = MomentField()

    def get_role(self, user: User) -> str | None:
        has = {group.name for group in user.groups.all()}
        if user.is_superuser:
            return superadmins.ROLE
        return next((name for name in ROLES if name in has), None)

    def get_has_second_factor(self, user: User) -> bool:
        return hasattr(user, "second_factor")


class HiredSerializer(AdminSerializer):
    """Somebody who has just begun to work here."""

    initial_password = serializers.SerializerMethodField(
        help_text=_("The password that was made, shown this once; null where one was given.")
    )

    def get_initial_password(self, user: User) -> str | None:
        made: str | None = self.context["initial_password"]
        return made


class RoleField(TextField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=150, help_text=", ".join(ROLES), **options)


class HireSerializer(StrictSerializer):
    username = TextField(max_length=150, help_text=_("What they will log in with."))
    first_name = TextField(max_length=255, required=False, allow_blank=True)
    role = RoleField(required=False, allow_null=True)
    is_active = BoolField(required=False)
    password = PasswordField(required=False, help_text=_("Without one, one is made and shown once."))
    reason = TextField(max_length=1_000, required=False, help_text=_("Kept in the audit log."))


class ColleagueSerializer(StrictSerializer):
    """What is absent stays as it is. A role of null takes away the present one."""

    username = TextField(max_length=150, required=False, help_text=_("What they will log in with."))
    first_name = TextField(max_length=255, required=False, allow_blank=True)
    role = RoleField(required=False, allow_null=True)
    is_active = BoolField(required=False)
    reason = TextField(max_length=1_000, required=False, help_text=_("Kept in the audit log."))


class AdminListView(ApiView):
    permission_classes = [ManagesStaff, LatelyVerified]

    @documented(
        summary="List the people who work here, newest first",
        operation_id="admins_list",
        query=ListParams,
        answers={200: paged(AdminSerializer)},
        examples=[Example("a page", answer={"results": [OLGA], "next": None, "previous": None})],
    )
    def get(self, request: Request) -> Response:
        """Staff, also those who are kept out. Superadmins see them, in sessions of theirs; keys do not."""
        return self.page(queries.list_staff(), Keyset("-created_at", "-id"), AdminSerializer)

    @documented(
        summary="Let somebody work here",
        operation_id="admins_create",
        body=HireSerializer,
        answers={201: HiredSerializer},
        errors=[LoginTaken, PasswordTooWeak, RoleUnknown, StepUpRequired],
        examples=[
            Example(
                "a new operator",
                body={"username": "olga", "first_name": "Olga", "role": "operator"},
                answer={**OLGA, "initial_password": "wq3f8sN2xkz7Lr0dYv1T"},
                status=201,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """
        Hand the password over in person. Where everybody must have a second factor, it is set up at the first login.
        Roles are described in docs/roles.md; without one a colleague sees nothing.
        """
        told = self.body()
        user, made = staff.hire(
            login=told["username"],
            role=told.get("role"),
            first_name=told.get("first_name", ""),
            is_active=told.get("is_active", True),
            password=told.get("password"),
            by=self.actor,
            reason=_reason(request, told),
        )
        shown = HiredSerializer(context={"initial_password": made}).to_representation(queries.get_colleague(user.pk))
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AdminView(ApiView):
    permission_classes = [ManagesStaff, LatelyVerified]

    @documented(
        summary="One colleague",
        operation_id="admins_retrieve",
        answers={200: AdminSerializer},
        errors=[UserNotFound],
        examples=[Example("found", answer=OLGA)],
    )
    def get(self, request: Request, admin_id: UUID) -> Response:
        """Somebody who works here, kept out or not."""
        return Response(_shown(admin_id))

    @documented(
        summary="Change a colleague",
        operation_id="admins_update",
        body=ColleagueSerializer,
        answers={200: AdminSerializer},
        errors=[UserNotFound, LoginTaken, RoleUnknown, NotYourself, LastSuperadmin, StepUpRequired],
        examples=[Example("another role", body={"role": "support"}, answer={**OLGA, "role": "support"})],
    )
    def patch(self, request: Request, admin_id: UUID) -> Response:
        """
        A new role counts from their next request on, a new username from their next login on. Nobody takes their own
        role away or keeps themselves out, and the last superadmin stays one.
        """
        told = self.body()
        role = (told["role"] or "") if "role" in told else None
        staff.change(
            user_id=admin_id,
            login=told.get("username"),
            first_name=told.get("first_name"),
            role=role,
            is_active=told.get("is_active"),
            by=self.actor,
            reason=_reason(request, told),
        )
        return Response(_shown(admin_id))

    @documented(
        summary="Have somebody no longer work here",
        operation_id="admins_delete",
        answers={204: None},
        errors=[UserNotFound, NotYourself, LastSuperadmin, StepUpRequired],
    )
    def delete(self, request: Request, admin_id: UUID) -> Response:
        """
        Their login, password, role, second factor, sessions and API keys end at once. What they did stays in the audit
        log, under their name. Nobody dismisses themselves, nor the last superadmin.
        """
        staff.dismiss(user_id=admin_id, by=self.actor, reason=_reason(request, {}))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _shown(admin_id: UUID) -> dict[str, object]:
    return AdminSerializer().to_representation(queries.get_colleague(admin_id))


def _reason(request: Request, told: dict[str, Any]) -> str:
    """What was said, else where it was done: roles are never given without a reason."""
    return str(told.get("reason") or f"{request.method} {request.path}")
