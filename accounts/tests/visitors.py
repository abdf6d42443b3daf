"""Browsers at the door, for tests of the API."""

from __future__ import annotations

from typing import Any, Final

from django.test import Client

from accounts.tests.factories import ADDRESS, BROWSER, STAFF_PASSWORD

LOGIN: Final = "/api/v1/auth/login"
REFRESH: Final = "/api/v1/auth/refresh"
ME: Final = "/api/v1/auth/me"
OTP: Final = "/api/v1/auth/otp"
SESSIONS: Final = "/api/v1/auth/sessions"

# Django's answers in tests have more than their class says.
Answer = Any


class Visitor:
    """
    A browser, at an address, with its cookies and whatever tokens it was given last.

    :param name: what the browser calls itself
    """

    def __init__(self, *, ip: str = ADDRESS, name: str = BROWSER, access: str = "") -> None:
        self.client = Client(REMOTE_ADDR=ip, headers={"User-Agent": name, "Accept-Language": "en"})
        self.access = access
        self.refresh = ""

    def post(self, path: str, body: object = None) -> Answer:
        answer = self.client.post(path, body or {}, content_type="application/json", headers=self._headers())
        if answer.status_code == 200:
            told = answer.json()
            self.access, self.refresh = told["access"], told["refresh"]
        return answer

    def get(self, path: str) -> Answer:
        return self.client.get(path, headers=self._headers())

    def delete(self, path: str) -> Answer:
        return self.client.delete(path, headers=self._headers())

    def patch(self, path: str, body: object) -> Answer:
        return self.client.patch(path, body, content_type="application/json", headers=self._headers())

    def logs_in(self, login: str | None, password: str = STAFF_PASSWORD, **more: str) -> Answer:
        return self.post(LOGIN, {"username": login, "password": password, **more})

    def verifies(self, code: str) -> Answer:
        return self.post(OTP, {"otp": code})

    def refreshes(self, shown: str = "") -> Answer:
        return self.post(REFRESH, {"refresh": shown or self.refresh})

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"} if self.access else {}


def told(answer: Answer) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["code"]
