"""The way into Admin, counted as the way into the API is: both have the same buckets."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.admin.verification import too_many
from accounts.api import throttles
from accounts.models.session import LIFETIME
from accounts.rules import clients
from core.errors import RateLimited

if TYPE_CHECKING:
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
else:
    from unfold.forms import AuthenticationForm

DEVICE_COOKIE: Final = "dvorik_device"
_SALT: Final = "accounts.admin.login"


class LoginForm(AuthenticationForm):
    """Unfold's form, in which a try is counted before its password is looked at."""

    refusal: RateLimited | None = None

    def clean(self) -> dict[str, Any]:
        """
        Ask whether login and password are right.

        :raises core.errors.Unavailable: tries cannot be counted now; the door answers with a page
        """
        login = self.cleaned_data.get("username")
        if login and self.request is not None:
            try:
                throttles.count_login(
                    login=login,
                    user_agent=clients.name(self.request.headers.get("User-Agent", "")),
                    is_known_device=_is_known(self.request, login),
                )
            except RateLimited as refusal:
                self.refusal = refusal
                raise ValidationError(too_many(refusal)) from refusal
        return super().clean()


def remember_device(request: HttpRequest, response: HttpResponseBase) -> None:
    """
    Have a browser in which somebody has just logged in show next time that it is known: then others who fail in their
    name do not keep them out. It proves nothing else.
    """
    if request.method == "POST" and request.user.is_authenticated:
        response.set_signed_cookie(
            DEVICE_COOKIE,
            _digest(request.user.get_username()),
            salt=_SALT,
            max_age=int(LIFETIME.total_seconds()),
            path=reverse("admin:login"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Strict",
        )


def _is_known(request: HttpRequest, login: str) -> bool:
    shown = request.get_signed_cookie(DEVICE_COOKIE, default="", salt=_SALT, max_age=int(LIFETIME.total_seconds()))
    return shown == _digest(login)


def _digest(login: str) -> str:
    return sha256(login.encode(errors="surrogatepass")).hexdigest()
