"""Servers that call the API over HTTP, each with a key of its own."""

from __future__ import annotations

from typing import Any, Final

from django.test import Client

from accounts.models import User
from accounts.tests.factories import api_key_header

ALL_SCOPES: Final = ("users:read", "users:write", "billing:read", "billing:write", "payments:write", "grants:write")
PROBLEM: Final = "application/problem+json"

# Django's answers in tests have more than their class says.
Answer = Any


class Caller:
    """
    :param scopes: what its key may do; everything but what staff do, by default
    :param owner: of the key
    """

    def __init__(self, *scopes: str, owner: User | None = None) -> None:
        self.client = Client(headers=api_key_header(*(scopes or ALL_SCOPES), owner=owner))

    def get(self, path: str, **query: str | int) -> Answer:
        return self.client.get(f"/api/v1/{path}", query_params={name: str(value) for name, value in query.items()})

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Answer:
        return self.send("post", path, body, key=key)

    def put(self, path: str, body: object = None) -> Answer:
        return self.send("put", path, body)

    def patch(self, path: str, body: object) -> Answer:
        return self.send("patch", path, body)

    def delete(self, path: str) -> Answer:
        return self.send("delete", path)

    def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None, language: str = "en"
    ) -> Answer:
        headers = {"Accept-Language": language} | ({} if key is None else {"Idempotency-Key": key})
        call = getattr(self.client, method)
        data = "" if body is None else body
        return call(f"/api/v1/{path}", data, content_type="application/json", headers=headers)


def staff() -> Caller:
    """A server that may do what staff do, and nothing else."""
    return Caller("staff")


def pages(caller: Caller, path: str, *, limit: int, **query: str | int) -> list[list[Any]]:
    """All pages of a list, walked by ``next``."""
    found = []
    cursor: dict[str, str] = {}
    while True:
        answer = caller.get(path, limit=limit, **query, **cursor)
        assert answer.status_code == 200, answer.content
        found.append(answer.json()["results"])
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}
