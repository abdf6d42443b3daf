"""Routes by which people come in, stay and leave."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import limits, queries
from accounts.api import throttles
from accounts.api.bearer import PersonCredentials
from accounts.api.permissions import IsPerson
from accounts.api.session_serializers import (
    InitDataSerializer,
    LoginSerializer,
    LoginTokenSerializer,
    MeSerializer,
    OtpSerializer,
    PasswordChangeSerializer,
    PendingSerializer,
    RefreshSerializer,
    SessionSerializer,
    TokensSerializer,
)
from accounts.api.views import ANNA
from accounts.balances import balances_of
from accounts.errors import (
    EnrolmentRequired,
    InitDataInvalid,
    LoginRefused,
    LoginTokenInvalid,
    LoginTokenUsed,
    NoSecondFactor,
    OtpRequired,
    OtpWrong,
    PasswordTooWeak,
    PasswordWrong,
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionNotFound,
    TelegramNotConfigured,
    UserKeptOut,
)
from accounts.models import Session
from accounts.operations import login_tokens, logins, passwords, sessions
from accounts.operations.sessions import Tokens
from accounts.rules import clients
from core.actors import SYSTEM
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.serializers import ListParams
from core.api.views import ApiView
from core.errors import NotAuthenticated, RateLimited

TOKENS: Final = {
    "access": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxIiwidHlwIjoiSldUIn0.eyJ0eXAiOiJhY2Nlc3MifQ.c2lnbmF0dXJl",
    "refresh": "dvr_" + "5f" * 32,
    "expires_in": 600,
}
NONCE_COOKIE: Final = "dvorik_login"
PENDING: Final = {"status": "pending"}
_TOKEN: Final = "q3Zt0v1m8yJ5c2R7kN4wX9hB6dF1gL0sTaUeIoPqAbC"  # noqa: S105  # an example
_INIT_DATA: Final = "user=%7B%22id%22%3A700000001%7D&auth_date=1769860800&hash=" + "5f" * 32
_PHONE: Final = {
    "id": "01980f2a-3b4c-7d5e-8f90-123456789abd",
    "user_agent": "Mozilla/5.0 (Linux; Android 14)",
    "ip": "192.0.2.7",
    "created_at": "2026-01-31T12:00:00Z",
    "last_used_at": "2026-01-31T12:00:00Z",
    "current": True,
}


class WayIn(ApiView):
    """A route for those who are not known yet."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @property
    def user_agent(self) -> str:
        """What the caller's browser calls itself."""
        return clients.name(self.request.headers.get("User-Agent", ""))


class PersonView(ApiView):
    """A route for people in their sessions."""

    permission_classes = [IsPerson]

    @property
    def credentials(self) -> PersonCredentials:
        """
        Whose session it is.

        :raises core.errors.NotAuthenticated: it is nobody's
        """
        if not isinstance(self.request.auth, PersonCredentials):
            raise NotAuthenticated
        return self.request.auth


class LoginView(WayIn):
    @documented(
        summary="Log in",
        operation_id="auth_login",
        body=LoginSerializer,
        answers={200: TokensSerializer, 202: PendingSerializer},
        errors=[
            LoginRefused,
            OtpRequired,
            EnrolmentRequired,
            LoginTokenInvalid,
            LoginTokenUsed,
            UserKeptOut,
            RateLimited,
        ],
        examples=[
            Example(
                "staff",
                body={"username": "olga", "password": "correct horse battery staple", "otp": "492039"},
                answer=TOKENS,
            ),
            Example("not confirmed yet", body={"login_token": _TOKEN}, answer=PENDING, status=202),
        ],
    )
    def post(self, request: Request) -> Response:
        """
        With a login and its password: whether the login exists is not told, neither by the answer nor by its time.
        Who has a second factor is asked for its code (401 `auth.otp_required`) once the password is right; staff who
        must have one and do not are sent to Admin (403 `auth.enrolment_required`).
        Or with a login token, in the browser that asked for it: 202 while its owner has not confirmed it in the bot.
        """
        told = self.body()
        if "login_token" in told:
            return self._redeemed(told["login_token"])
        throttles.count_login(login=told["username"], user_agent=self.user_agent)
        person = queries.find_by_password(login=told["username"], password=told["password"])
        otp = told.get("otp", "")
        if person and otp:
            throttles.count_code(person.pk)
        tokens = logins.by_password(person=person, otp=otp, user_agent=self.user_agent, by=SYSTEM)
        if tokens is None:
            raise OtpRequired(OtpWrong.title)
        return answered(tokens)

    def _redeemed(self, token: str) -> Response:
        throttles.count_from_here(limits.REDEMPTIONS_FROM_AN_ADDRESS)
        nonce = self.request.COOKIES.get(NONCE_COOKIE, "")
        tokens = login_tokens.redeem(token=token, nonce=nonce, user_agent=self.user_agent, by=SYSTEM)
        if tokens is None:
            return Response(PENDING, status=status.HTTP_202_ACCEPTED, headers={"Cache-Control": "no-store"})
        return answered(tokens)


class TelegramView(WayIn):
    @documented(
        summary="Log in from a Telegram Mini App",
        operation_id="auth_telegram",
        body=InitDataSerializer,
        answers={200: TokensSerializer},
        errors=[InitDataInvalid, UserKeptOut, TelegramNotConfigured, RateLimited],
        examples=[Example("opened just now", body={"init_data": _INIT_DATA}, answer=TOKENS)],
    )
    def post(self, request: Request) -> Response:
        """
        With what Telegram has signed when the Mini App was opened, within an hour and once. Whoever is new is
        registered; names that changed are updated.
        """
        told = self.body()
        throttles.count_from_here(limits.TELEGRAM_LOGINS_FROM_AN_ADDRESS)
        return answered(logins.by_init_data(init_data=told["init_data"], user_agent=self.user_agent, by=SYSTEM))


class LoginTokenView(WayIn):
    @documented(
        summary="Begin a login that is confirmed in the bot",
        operation_id="auth_login_token",
        answers={201: LoginTokenSerializer},
        errors=[TelegramNotConfigured, RateLimited],
        examples=[
            Example(
                "a link to show",
                answer={"token": _TOKEN, "deep_link": f"https://t.me/dvorik_bot?start={_TOKEN}", "expires_in": 300},
                status=201,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """
        Show the link, or its QR code, in the browser: the bot tells its owner which browser asks, and from where.
        Meanwhile ask `POST /auth/login` with the token every other second. A cookie binds the login to this browser.
        """
        if not settings.BOT_USERNAME:
            raise TelegramNotConfigured
        throttles.count_from_here(limits.LOGIN_TOKENS_FROM_AN_ADDRESS)
        issued = login_tokens.issue(user_agent=self.user_agent, by=SYSTEM)
        shown = {
            "token": issued.token,
            "deep_link": f"https://t.me/{settings.BOT_USERNAME}?start={issued.token}",
            "expires_in": issued.expires_in,
        }
        response = Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            NONCE_COOKIE,
            issued.nonce,
            max_age=issued.expires_in,
            path=reverse("auth-login"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Strict",
        )
        return response


class RefreshView(WayIn):
    @documented(
        summary="Exchange a refresh token for new tokens",
        operation_id="auth_refresh",
        body=RefreshSerializer,
        answers={200: TokensSerializer},
        errors=[RefreshTokenInvalid, RefreshTokenReused, RateLimited],
        examples=[Example("in time", body={"refresh": TOKENS["refresh"]}, answer=TOKENS)],
    )
    def post(self, request: Request) -> Response:
        """
        A refresh token works once. Where its answer got lost, the same client is given the same answer again for ten
        seconds. Shown again otherwise, it has been stolen: the whole session ends, for both who have it.
        """
        told = self.body()
        throttles.count_from_here(limits.REFRESHES_FROM_AN_ADDRESS)
        tokens = sessions.refresh(shown=told["refresh"], user_agent=self.user_agent, by=SYSTEM)
        if tokens is None:
            raise RefreshTokenReused
        return answered(tokens)


class LogoutView(PersonView):
    @documented(summary="Log out on this device", operation_id="auth_logout", answers={204: None})
    def post(self, request: Request) -> Response:
        """The session ends at once, with its access and refresh tokens."""
        me = self.credentials
        sessions.revoke(session_id=me.session_id, user_id=me.user_id, ending=Session.Ending.LOGOUT, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(PersonView):
    @documented(summary="Log out on all devices", operation_id="auth_logout_all", answers={204: None})
    def post(self, request: Request) -> Response:
        """Every session of the caller ends at once, this one, too."""
        sessions.revoke_all(user_id=self.credentials.user_id, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OtpView(PersonView):
    @documented(
        summary="Show one's second factor in this session",
        operation_id="auth_otp",
        body=OtpSerializer,
        answers={204: None},
        errors=[OtpWrong, NoSecondFactor, RateLimited],
        examples=[Example("a code", body={"otp": "492039"})],
    )
    def post(self, request: Request) -> Response:
        """
        Staff who came in otherwise than by their password have their rights only after this. Grave deeds ask for it
        anew when the last time is long ago (403 `auth.step_up_required`). A code counts once.
        """
        me = self.credentials
        told = self.body()
        throttles.count_code(me.user_id)
        if not sessions.verify(session_id=me.session_id, user_id=me.user_id, code=told["otp"], by=self.actor):
            raise OtpWrong
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(PersonView):
    @documented(
        summary="Change one's password",
        operation_id="auth_password",
        body=PasswordChangeSerializer,
        answers={204: None},
        errors=[PasswordWrong, PasswordTooWeak],
        examples=[
            Example("a new one", body={"old": "correct horse battery staple", "new": "purple monkey dishwasher"})
        ],
    )
    def post(self, request: Request) -> Response:
        """All of the caller's sessions end, this one, too: log in anew."""
        me = self.credentials
        told = self.body()
        throttles.count_password(me.user_id)
        passwords.change(user_id=me.user_id, old=told["old"], new=told["new"], by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(PersonView):
    @documented(
        summary="Who is calling",
        operation_id="auth_me",
        answers={200: MeSerializer},
        examples=[Example("a customer", answer={**ANNA, "roles": [], "permissions": []})],
    )
    def get(self, request: Request) -> Response:
        """The caller, with their roles and permissions."""
        me = self.credentials
        user = queries.get_user(me.user_id)
        context = {"balances": balances_of([user.pk]), "user": user, "is_staff_here": me.is_staff_here}
        shown = MeSerializer(context=context)
        return Response(shown.to_representation(user))


class SessionListView(PersonView):
    @documented(
        summary="The caller's devices, newest first",
        operation_id="auth_sessions_list",
        query=ListParams,
        answers={200: paged(SessionSerializer)},
        examples=[Example("one phone", answer={"results": [_PHONE], "next": None, "previous": None})],
    )
    def get(self, request: Request) -> Response:
        """Sessions that have neither ended nor been revoked."""
        me = self.credentials
        order = Keyset("-created_at", "-id")
        return self.page(queries.list_sessions(me.user_id), order, SessionSerializer, current=me.session_id)


class SessionView(PersonView):
    @documented(
        summary="Log out on another device",
        operation_id="auth_sessions_delete",
        answers={204: None},
        errors=[SessionNotFound],
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        """The session ends at once, with its access and refresh tokens."""
        me = self.credentials
        sessions.revoke(session_id=session_id, user_id=me.user_id, ending=Session.Ending.CLOSED, by=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


def answered(tokens: Tokens) -> Response:
    """The tokens, which nobody on the way may keep."""
    shown = {"access": tokens.access, "refresh": tokens.refresh, "expires_in": tokens.expires_in}
    return Response(shown, headers={"Cache-Control": "no-store"})
