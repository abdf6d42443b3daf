"""Routes that exist for the tests of the HTTP door alone: every kind of body, query, failure and caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, SuspiciousOperation, ValidationError
from django.db import IntegrityError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework import exceptions as drf_exceptions
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core import clock
from core.actors import Actor, circumstances
from core.api.declarations import Example, documented
from core.api.fields import BoolField, CodeField, IdField, IntField, MetadataField, MomentField, TextField
from core.api.idempotency import answer_once, checked_key, stored, stored_refusal
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, Own, by_method, may
from core.api.serializers import ListParams, MoneyField, QueryParams, StrictSerializer
from core.api.views import ApiView
from core.errors import JobIsNotDead, NotFound, Unavailable, ValidationFailed, by_constraint
from core.models import Throttle
from core.operations.idempotency import StoredAnswer

# Any refusal with a status of its own will do; a class made here would join the catalogue.
Refusal = JobIsNotDead
# Any constraint that means a refusal will do, too; core has none of its own.
MEANINGFUL, MEANT = next(iter(by_constraint().items()))


@dataclass(frozen=True)
class Caller:
    actor: Actor
    scopes: frozenset[str]


@dataclass(frozen=True)
class PersonCaller:
    actor: Actor
    user_id: UUID
    is_staff_here: bool
    permissions: frozenset[str]
    scopes: frozenset[str] = frozenset()

    def holds(self, permission: str) -> bool:
        return self.is_staff_here and permission in self.permissions

    def is_lately_verified(self) -> bool:
        return True


class NamedCaller(BaseAuthentication):
    """
    ``Authorization: Test <name> <scope> …``, ``Person <id>``, ``Staff <id> <permission> …``: whoever says so.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller | PersonCaller] | None:
        kind, _, rest = request.headers.get("Authorization", "").partition(" ")
        if kind in {"Person", "Staff"}:
            user_id, *permissions = rest.split()
            actor = Actor(kind="user", id=user_id, label=user_id, user_id=user_id)
            return None, PersonCaller(actor, UUID(user_id), kind == "Staff", frozenset(permissions))
        if kind != "Test":
            return None
        name, *scopes = rest.split()
        if name == "nobody":
            raise drf_exceptions.AuthenticationFailed
        actor = Actor(kind="api_key", id=name, label=name)
        request._request.actor = actor  # type: ignore[attr-defined]  # where the log line looks
        return None, Caller(actor, frozenset(scopes))


class TestView(ApiView):
    __test__ = False
    authentication_classes = [NamedCaller]


class OpenTestView(TestView):
    permission_classes = [AllowAny]


class Part(StrictSerializer):
    tokens = IntField(min_value=1)
    note = TextField(max_length=20, required=False)


class Everything(StrictSerializer):
    number = IntField(required=False)
    truth = BoolField(required=False)
    text = TextField(max_length=10, required=False)
    prose = TextField(max_length=100, multiline=True, required=False)
    code = CodeField(choices=["red", "blue"], required=False)
    id = IdField(required=False)
    moment = MomentField(required=False)
    metadata = MetadataField(max_bytes=64, required=False)
    price = MoneyField(required=False, min_amount=100)
    parts: serializers.ListSerializer[Any] = serializers.ListSerializer(child=Part(), max_length=5, required=False)
    made = serializers.CharField(read_only=True)


class EverythingParams(QueryParams):
    number = IntField(required=False)
    truth = BoolField(required=False)
    moment = MomentField(required=False)


class EchoView(OpenTestView):
    @documented(summary="Echo the parameters", answers={200: EverythingParams}, query=EverythingParams)
    def get(self, request: Request) -> Response:
        return Response(self.query())

    @documented(
        summary="Echo the body",
        answers={200: Everything},
        body=Everything,
        errors=[Refusal],
        examples=[Example("one", body={"number": 1}, answer={"number": 1})],
    )
    def post(self, request: Request) -> Response:
        return Response(self.body())


class SilentView(OpenTestView):
    """Takes no body and looks at none."""

    @documented(summary="Do nothing", answers={204: None})
    def post(self, request: Request) -> HttpResponse:
        return HttpResponse(status=204)


class Bucket(serializers.Serializer[Any]):
    scope = serializers.CharField()
    subject = serializers.CharField()
    empty_at = MomentField()


class BucketParams(ListParams):
    scope = TextField(max_length=100, required=False)


class BucketsView(OpenTestView):
    order: ClassVar[Keyset] = Keyset("-empty_at", "-id")

    @documented(summary="Buckets", answers={200: paged(Bucket)}, query=BucketParams)
    def get(self, request: Request) -> Response:
        rows = Throttle.objects.all()
        if scope := self.query().get("scope"):
            rows = rows.filter(scope=scope)
        return self.page(rows, self.order, Bucket)


class AscendingBucketsView(BucketsView):
    order: ClassVar[Keyset] = Keyset("empty_at", "id")


class ScopedView(TestView):
    permission_classes = [may(scopes=("shelf:read", "shelf:write"))]

    @documented(summary="Who am I", answers={200: Bucket})
    def get(self, request: Request) -> Response:
        return Response({"actor": str(self.actor)})


class KnownView(TestView):
    permission_classes = [by_method(GET=may(scopes=("shelf:read", "known")))]

    @documented(summary="Who am I", answers={200: Bucket})
    def get(self, request: Request) -> Response:
        return Response({"actor": str(self.actor)})


class ForgetfulView(TestView):
    """Says nothing of who may call it."""

    @documented(summary="Who am I", answers={200: Bucket})
    def get(self, request: Request) -> Response:
        return Response({"actor": str(self.actor)})


class HalfDeclaredView(TestView):
    """Says who may read it, and nothing of who may change it."""

    permission_classes = [by_method(GET=may(permission="shelf.view_book", own=OWN))]

    @documented(summary="Who am I", answers={200: Bucket})
    def get(self, request: Request) -> Response:
        return Response({"is_staff": self.admission.is_staff, "only_of": self.admission.only_of})

    @documented(summary="Change it", answers={200: Bucket})
    def patch(self, request: Request) -> Response:
        return Response({})


class OfView(TestView):
    """About one person."""

    permission_classes = [may(scopes=("known",), permission="shelf.view_book", own=Own("user_id", otherwise=Refusal))]

    @documented(summary="About one", answers={200: Bucket})
    def get(self, request: Request, user_id: UUID) -> Response:
        return Response({"is_staff": self.admission.is_staff, "only_of": self.admission.only_of})


class OnceIn(StrictSerializer):
    subject = TextField(max_length=100)
    ending = CodeField(choices=["well", "refused", "kept", "broken"], default="well")


class OnceView(TestView):
    """Makes a row once per key, and ends as it is told."""

    permission_classes = [may(scopes=("known",))]

    @documented(summary="Do it once", body=OnceIn, answers={201: Bucket}, errors=[Refusal], idempotent=True)
    def post(self, request: Request) -> HttpResponse:
        body = self.body()

        def effect() -> StoredAnswer:
            row = Throttle.objects.create(scope="once", subject=body["subject"], empty_at=clock.now())
            match body["ending"]:
                case "refused":
                    raise Refusal(room=0)
                case "kept":
                    return stored_refusal(Refusal(room=0))
                case "broken":
                    raise RuntimeError("a defect")
            return stored(201, {"id": row.pk, "scope": row.scope, "subject": row.subject, "at": row.empty_at})

        return answer_once(request, effect, by=self.actor)


class KeyIn(StrictSerializer):
    key = TextField(max_length=300)


class KeyView(OpenTestView):
    @documented(summary="Check a key", body=KeyIn, answers={200: KeyIn})
    def post(self, request: Request) -> Response:
        return Response({"key": checked_key(self.body()["key"])})


class CircumstancesView(OpenTestView):
    @documented(summary="Tell the circumstances", answers={200: KeyIn})
    def get(self, request: Request) -> Response:
        around = circumstances()
        return Response({"request_id": around.request_id, "ip": around.ip, "door": around.door})


def _locked_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20ms'")
        try:
            cursor.execute("SELECT pg_sleep(1)")
        finally:
            cursor.execute("RESET statement_timeout")


def _overflow() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 9223372036854775807 + 1::bigint")


def _second_row() -> None:
    for _ in range(2):
        Throttle.objects.create(scope="a", subject="b", empty_at=clock.now())


def _meaningful_constraint() -> None:
    with connection.cursor() as cursor:
        # As the house's triggers do it; each constraint that means an error is tried where it guards.
        cursor.execute(f"DO $$ BEGIN RAISE unique_violation USING CONSTRAINT = '{MEANINGFUL}'; END $$")


def _divide() -> None:
    raise ZeroDivisionError("the secret of the inside")


def _raise(error: Exception) -> Any:
    def fail() -> None:
        raise error

    return fail


FAILURES: dict[str, Any] = {
    "statement-timeout": _locked_out,
    "overflow": _overflow,
    "constraint": _meaningful_constraint,
    "meaningless-constraint": _second_row,
    "unmapped-constraint": _raise(IntegrityError("no cause")),
    "connection": _raise(OperationalError("gone")),
    "domain": _raise(Refusal("Nothing fits.", room=0, status=200, code="forged")),
    "retry": _raise(Unavailable(retry_after=7)),
    "http404": _raise(Http404("what I was looking for")),
    "not-found": _raise(NotFound()),
    "denied": _raise(PermissionDenied()),
    "suspicious": _raise(SuspiciousOperation("they know")),
    "form": _raise(ValidationError({"name": ["It is taken."], "__all__": ["Both or none."]})),
    "form-of-an-operation": _raise(
        ValidationFailed(fields={"name": ["It is taken."], NON_FIELD_ERRORS: ["Both or none."]})
    ),
    "form-plain": _raise(ValidationError("It is wrong.")),
    "drf-throttled": _raise(drf_exceptions.Throttled(wait=3)),
    "drf-parse": _raise(drf_exceptions.ParseError()),
    "drf-500": _raise(drf_exceptions.APIException()),
    "defect": _divide,
}


class FailingView(OpenTestView):
    @documented(summary="Fail", answers={204: None})
    def get(self, request: Request, kind: str) -> HttpResponse:
        FAILURES[kind]()
        return HttpResponse(status=204)


def plain_view(request: HttpRequest, kind: str) -> HttpResponse:
    """A view of Django's own, which has no exception handler."""
    FAILURES[kind]()
    return HttpResponse("fine", content_type="text/plain")


def text_view(request: HttpRequest, text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain")


def html_error(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>Teapot</h1>", status=418)


urlpatterns = [
    path("t/echo", EchoView.as_view()),
    path("t/silent", SilentView.as_view()),
    path("t/buckets", BucketsView.as_view()),
    path("t/buckets-ascending", AscendingBucketsView.as_view()),
    path("t/scoped", ScopedView.as_view()),
    path("t/known", KnownView.as_view()),
    path("t/forgetful", ForgetfulView.as_view()),
    path("t/half-declared", HalfDeclaredView.as_view()),
    path("t/of/<uuid:user_id>", OfView.as_view()),
    path("t/once", OnceView.as_view()),
    path("t/key", KeyView.as_view()),
    path("t/circumstances", CircumstancesView.as_view()),
    path("t/fail/<str:kind>", FailingView.as_view()),
    path("t/plain/<str:kind>", plain_view),
    path("t/text/<str:text>", text_view),
    path("t/teapot", html_error),
    path("admin/fail/<str:kind>", plain_view),
    path("admin/teapot", html_error),
    path("", include("core.api.urls")),
]

handler400 = "core.api.handlers.bad_request"
handler403 = "core.api.handlers.permission_denied"
handler404 = "core.api.handlers.not_found"
handler500 = "core.api.handlers.server_error"
