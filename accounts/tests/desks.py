"""Browsers in front of Admin, for tests of its door, and every address behind it."""

from __future__ import annotations

import re
from base64 import b32decode
from typing import Any, Final

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from accounts.tests.factories import STAFF_PASSWORD
from accounts.tests.phones import Phone, enrolled

INDEX: Final = "/admin/"
LOGIN: Final = "/admin/login/"
CODE: Final = "/admin/login/code/"
ENROL: Final = "/admin/login/enrol/"
CONFIRM: Final = "/admin/security/confirm/"
SECURITY: Final = "/admin/security/"

# Django's answers in tests have more than their class says.
Answer = Any


class Desk:
    """A browser in front of Admin."""

    def __init__(self, *, ip: str = "192.0.2.7", **options: Any) -> None:
        self.client = Client(REMOTE_ADDR=ip, headers={"Accept-Language": "en"}, **options)

    def get(self, path: str) -> Answer:
        return self.client.get(path)

    def post(self, path: str, **typed: object) -> Answer:
        return self.client.post(path, typed)

    def logs_in(self, user: User, password: str = STAFF_PASSWORD, *, after: str = "") -> Answer:
        return self.post(LOGIN + (f"?next={after}" if after else ""), username=user.login, password=password)

    def shows(self, code: str) -> Answer:
        return self.post(CODE, code=code)

    @property
    def is_in(self) -> bool:
        return bool(self.get(INDEX).status_code == 200)

    @property
    def session_key(self) -> str:
        return str(self.client.cookies["sessionid"].value)


def location(answer: Answer) -> str:
    assert answer.status_code == 302, answer.status_code
    return str(answer.headers["Location"])


def errors(answer: Answer) -> str:
    assert answer.status_code in {200, 429}, answer.status_code
    return str(answer.context["form"].errors)


def secret_of(page: Answer) -> bytes:
    return b32decode(page.context["secret"].replace(" ", ""))


def codes_of(page: Answer) -> list[str]:
    assert page.status_code == 200, page.status_code
    return list(page.context["codes"])


def inside(user: User) -> tuple[Desk, Phone]:
    """A desk at which somebody has shown everything a moment ago."""
    phone, desk = enrolled(user), Desk()
    desk.logs_in(user)
    assert location(desk.shows(phone.shows())) == INDEX
    return desk, phone


WAYS_OUT: Final = ("/admin/security/logout-all/", "/admin/logout/")

# Every address of Admin, with something real wherever it asks for it. What is open to everybody, and why.
OPEN: Final = {
    "login/": "the first half of the door",
    "login/code/": "the second half, which looks for itself who is half way in",
    "login/enrol/": "the same",
    "language/setlang/": "which language somebody reads is asked before who they are",
}


def addresses(resolver: URLResolver | None = None, before: str = "") -> list[str]:
    """Every pattern under ``/admin/``."""
    if resolver is None:
        outermost = [each for each in get_resolver().url_patterns if str(each.pattern).startswith("admin/")]
        return [
            path for each in outermost if isinstance(each, URLResolver) for path in addresses(each, str(each.pattern))
        ]
    found = []
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        found += [path] if isinstance(each, URLPattern) else addresses(each, path)
    return found


def filled(pattern: str) -> str:
    path = pattern.removeprefix("admin/")
    path = path.replace(r"^(?P<app_label>", "(").replace(r"(?P<url>.*)$", "no-such-page/").replace(")/$", ")/")
    path = re.sub(r"\((\w+)(\|\w+)*\)", r"\1", path)
    return "/admin/" + re.sub(r"<[^>]+>", "01980f2a-3b4c-7d5e-8f90-123456789abc", path)


def reachable(desk: Desk) -> list[str]:
    """Addresses of Admin that answer with anything but the way to the login."""
    found = []
    # Whoever is in stays so until everything else was asked.
    for path in sorted(map(filled, addresses()), key=WAYS_OUT.__contains__):
        if path.removeprefix("/admin/") in OPEN:
            continue
        for ask in (desk.get, desk.post):
            answer = ask(path)
            is_sent_away = answer.status_code == 302 and answer.headers["Location"].startswith((LOGIN, INDEX + "?"))
            # Who is not in is not logged out either, but sent to the overview, which sends them on.
            is_logout = path == "/admin/logout/" and answer.headers.get("Location") == INDEX
            if not is_sent_away and not is_logout:
                found.append(f"{ask.__name__} {path}: {answer.status_code}")
    return found
