"""Access tokens that are not ours, not for this, or not any more: 401, never 500."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from accounts.keyring import keyring
from accounts.operations.sessions import Tokens
from accounts.rules import access_tokens
from accounts.tests.factories import UserFactory, opened
from accounts.tests.visitors import ME, told
from conftest import TestClock
from core.ids import uuid7

pytestmark = pytest.mark.django_db

Claims = dict[str, Any]


def claims_of(tokens: Tokens) -> Claims:
    """What a good token of the session says."""
    return jwt.decode(tokens.access, options={"verify_signature": False})


def kid() -> str:
    return next(iter(keyring().signing))


def signed(claims: Mapping[str, Any], **header: Any) -> str:
    """A token with our own key: whoever wrote it knows everything."""
    return jwt.encode(dict(claims), keyring().signing[kid()], algorithm="HS256", headers={"kid": kid(), **header})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(claims: Claims, **header: Any) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': kid(), **header})}.{part(claims)}."


def by_rsa(claims: Claims) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid()})


def by_another_algorithm(claims: Claims) -> str:
    return jwt.encode(claims, keyring().signing[kid()] * 2, algorithm="HS512", headers={"kid": kid()})


def deep(claims: Claims) -> str:
    header = base64.urlsafe_b64encode(b"[" * 100_000).rstrip(b"=").decode()
    return f"{header}.{part(claims)}.c2ln"


def with_changed_body(claims: Claims) -> str:
    header, _body, signature = signed(claims).split(".")
    return f"{header}.{part({**claims, 'sub': str(uuid7())})}.{signature}"


def without(name: str) -> Callable[[Claims], str]:
    return lambda claims: signed({each: value for each, value in claims.items() if each != name})


def saying(**changed: Any) -> Callable[[Claims], str]:
    return lambda claims: signed({**claims, **changed})


BAD: Final[Mapping[str, Callable[[Claims], str]]] = {
    "alg none": unsigned,
    "alg None": lambda claims: unsigned(claims, alg="None"),
    "alg none with a signature": lambda claims: unsigned(claims) + signed(claims).rpartition(".")[2],
    "another key": lambda claims: jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": kid()}),
    "the empty key": lambda claims: jwt.encode(claims, b"\x00" * 32, algorithm="HS256", headers={"kid": kid()}),
    "RS256": by_rsa,
    "HS512": by_another_algorithm,
    "no kid": lambda claims: jwt.encode(claims, keyring().signing[kid()], algorithm="HS256"),
    "an unknown kid": lambda claims: signed(claims, kid="nobody"),
    "a kid that is a path": lambda claims: signed(claims, kid="../../../../dev/null"),
    "a kid that is SQL": lambda claims: signed(claims, kid="' OR 1=1 --"),
    "a kid that is a list": lambda claims: f"{part({'alg': 'HS256', 'kid': ['x']})}.{part(claims)}.c2ln",
    "an unknown critical header": lambda claims: signed(claims, crit=["new"], new=True),
    "another body": with_changed_body,
    "a wrong audience": saying(aud="somebody-else"),
    "many audiences, none of them ours": saying(aud=["a", "b"]),
    "another issuer": saying(iss="somebody"),
    "a refresh token's type": saying(typ="refresh"),
    "no type at all": saying(typ=None),
    "an unknown session": saying(sid=str(uuid7())),
    "a session that is no id": saying(sid="x"),
    "a session that is a number": saying(sid=7),
    "another person": saying(sub=str(uuid7())),
    "an end beyond all time": saying(exp=10**30),
    "an end that is a text": saying(exp="tomorrow"),
    "an end that is a list": saying(exp=[1]),
    "a beginning that is no number": saying(iat=None),
    "a beginning of NaN": saying(iat=float("nan")),
    **{f"without {name}": without(name) for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ")},
    "nothing": lambda _: "",
    "one part": lambda _: "abc",
    "two parts": lambda _: "abc.def",
    "four parts": lambda _: "a.b.c.d",
    "bad base64": lambda _: "!!!.???.***",
    "base64 of no JSON": lambda _: "YWJj.YWJj.YWJj",
    "a header that is a list": lambda claims: f"{part([1])}.{part(claims)}.c2ln",
    "a deep header": deep,
    "a megabyte": lambda claims: signed({**claims, "more": "x" * 1_000_000}),
    "not ASCII": lambda _: "тест.тест.тест",
    "a refresh token": lambda _: "dvr_" + "5f" * 32,
    "an API key": lambda _: "dvk_000000000000_" + "0" * 64,
}


@pytest.mark.parametrize("forge", BAD.values(), ids=BAD)
def test_is_refused(forge: Callable[[Claims], str]) -> None:
    tokens = opened(UserFactory.create())
    answer = Client(headers={"Authorization": f"Bearer {forge(claims_of(tokens))}"}).get(ME)
    assert told(answer) == (401, "auth.token_invalid")
    assert answer["WWW-Authenticate"] == 'Api-Key realm="dvorik", Bearer realm="dvorik"'


def test_would_let_in_if_nothing_were_wrong() -> None:
    """The control: the same forger, with nothing forged."""
    tokens = opened(UserFactory.create())
    for good in (tokens.access, signed(claims_of(tokens))):
        assert Client(headers={"Authorization": f"Bearer {good}"}).get(ME).status_code == 200


def test_of_a_refresh_is_no_access_token() -> None:
    tokens = opened(UserFactory.create())
    assert told(Client(headers={"Authorization": f"Bearer {tokens.refresh}"}).get(ME)) == (401, "auth.token_invalid")


@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (31, 401)])
def test_from_the_future_counts_within_the_leeway(seconds: int, status: int) -> None:
    tokens = opened(UserFactory.create())
    claims = claims_of(tokens)
    early = signed({**claims, "iat": claims["iat"] + seconds})
    assert Client(headers={"Authorization": f"Bearer {early}"}).get(ME).status_code == status


def test_ends_with_its_session(clock: TestClock) -> None:
    tokens = opened(UserFactory.create())
    claims = claims_of(tokens)
    far = signed({**claims, "exp": claims["exp"] + 10**9})
    clock.advance(days=90)
    assert told(Client(headers={"Authorization": f"Bearer {far}"}).get(ME)) == (401, "auth.token_invalid")


def test_says_what_it_must_and_no_more() -> None:
    tokens = opened(UserFactory.create())
    claims = claims_of(tokens)
    assert claims.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "typ"}
    assert claims["exp"] - claims["iat"] == timedelta(minutes=10).total_seconds()
    assert jwt.get_unverified_header(tokens.access) == {"alg": "HS256", "typ": "JWT", "kid": kid()}


def test_is_read_by_every_key_of_the_ring_and_by_no_other() -> None:
    ids = {"user_id": uuid7(), "session_id": uuid7(), "token_id": uuid7()}
    tokens = opened(UserFactory.create())
    old = access_tokens.Keyring({"old": "o" * 32})
    both = access_tokens.Keyring({"new": "n" * 32, "old": "o" * 32})
    shown = access_tokens.issue(**ids, now=tokens.session.created_at, keyring=old)
    assert access_tokens.read(shown, both) is not None
    assert access_tokens.read(shown, access_tokens.Keyring({"new": "n" * 32})) is None
    assert access_tokens.read(shown, access_tokens.Keyring({"old": "n" * 32})) is None
