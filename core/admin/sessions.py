"""For how long somebody stays logged in to Admin: until they are idle for too long, and never beyond a certain age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from core.middleware import is_admin

_BEGUN: Final = "begun_at"
_SEEN: Final = "seen_at"
# A session is written anew so many times within its idle age, not at each request.
_NOTES: Final = 60


class AdminSessionMiddleware:
    """
    Logs out whoever has been logged in for longer than ``SESSION_LONGEST_AGE`` seconds, and puts the end off for who is
    not idle. Stands after authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_admin(request) and request.user.is_authenticated:
            _mind(request)
        return self.get_response(request)


def connect() -> None:
    """Have each login begin a session's age anew. Called once, when the application starts."""
    user_logged_in.connect(_on_login, dispatch_uid="core.admin.sessions")


def _on_login(request: HttpRequest, **_sent: Any) -> None:
    now = timezone.now().isoformat()
    request.session[_BEGUN] = request.session[_SEEN] = now


def _mind(request: HttpRequest) -> None:
    now = timezone.now()
    begun, seen = _moment(request, _BEGUN), _moment(request, _SEEN)
    if begun is None or (now - begun).total_seconds() >= settings.SESSION_LONGEST_AGE:
        logout(request)
    elif seen is None or (now - seen).total_seconds() >= settings.SESSION_COOKIE_AGE / _NOTES:
        # Django moves the end of a session that is written.
        request.session[_SEEN] = now.isoformat()


def _moment(request: HttpRequest, name: str) -> datetime | None:
    found = request.session.get(name)
    return datetime.fromisoformat(found) if isinstance(found, str) else None
