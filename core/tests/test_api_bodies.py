"""Hostile bodies: 400, 411, 413 or 415, never 500, and never much memory."""

from __future__ import annotations

import json
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from core.api import strict_json
from core.api.errors import BodyMalformed, BodyTooLarge, LengthRequired
from core.api.parsers import bound_body

pytestmark = pytest.mark.urls("core.tests.api_routes")

JSON = "application/json"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


MALFORMED: dict[str, bytes] = {
    "nothing but a brace": b"{",
    "trailing comma": b'{"number": 1,}',
    "two values": b"1 2",
    "single quotes": b"{'number': 1}",
    "comment": b'{"number": 1} // one',
    "byte order mark": b'\xef\xbb\xbf{"number": 1}',
    "UTF-16": '{"number": 1}'.encode("utf-16"),
    "Latin-1": '{"text": "é"}'.encode("latin-1"),
    "overlong NUL": b'{"text": "\xc0\x80"}',
    "encoded surrogate": b'{"text": "\xed\xa0\x80"}',
    "NUL": b'{"text": "a\\u0000b"}',
    "bare NUL": b'{"text": "a\x00b"}',
    "bare line break": b'{"text": "a\nb"}',
    "NUL in a key": b'{"te\\u0000xt": "a"}',
    "NUL deep inside": b'{"metadata": {"a": [{"b": "\\u0000"}]}}',
    "lone high surrogate": b'{"text": "\\ud83d"}',
    "lone low surrogate": b'{"text": "\\ude00"}',
    "surrogates the wrong way round": b'{"text": "\\ude00\\ud83d"}',
    "key twice": b'{"number": 1, "number": 2}',
    "key twice, spelled differently": b'{"number": 1, "\\u006eumber": 2}',
    "key twice, deep inside": b'{"metadata": {"a": {"b": 1, "b": 1}}}',
    "NaN": b'{"number": NaN}',
    "Infinity": b'{"number": Infinity}',
    "-Infinity": b'{"number": -Infinity}',
    "5000 digits": b'{"number": ' + b"9" * 5000 + b"}",
    "2**63": b'{"number": 9223372036854775808}',
    "-2**63": b'{"number": -9223372036854775808}',
    "too large a float": b'{"number": 1e999}',
    "65 levels": b'{"metadata":' * 65 + b"1" + b"}" * 65,
    "100 000 levels": b"[" * 100_000 + b"]" * 100_000,
    "900 000 levels, never closed": b"[" * 900_000,
    "100 000 levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a string without an end": b'["' + b'\\"' * 450_000 + b"[" * 65,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", ["/t/echo", "/t/silent"])
def test_refuses_what_is_not_json_to_be_kept(client: Client, path: str, body: bytes) -> None:
    response = client.post(path, data=body, content_type=JSON)
    assert response.status_code == 400, response.content
    document = response.json()
    assert document["code"] == "common.body_malformed"
    assert document["detail"]


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"text"', b"true", b"[[]]", b"1.5"])
@pytest.mark.parametrize("path", ["/t/echo", "/t/silent"])
def test_refuses_json_that_is_no_object(client: Client, path: str, body: bytes) -> None:
    response = client.post(path, data=body, content_type=JSON)
    assert response.status_code == 400
    assert response.json()["code"] == "common.validation_error"
    assert response.json()["errors"].keys() == {"non_field_errors"}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"number": 9223372036854775807}', {"number": 2**63 - 1}),
        (b'{"number": -9223372036854775807}', {"number": -(2**63) + 1}),
        ('{"text": "\\ud83d\\ude00 ё"}'.encode(), {"text": "😀 ё"}),
        (b'{"metadata": {"a": "[[[[{{{{\\"[["}}', {"metadata": {"a": '[[[[{{{{"[['}}),
        (b"", {}),
        (b"{}", {}),
    ],
)
def test_takes_what_is_unusual_but_sound(client: Client, body: bytes, value: object) -> None:
    response = client.post("/t/echo", data=body, content_type=JSON)
    assert response.status_code == 200, response.content
    assert response.json() == value


def test_takes_64_levels() -> None:
    assert strict_json.loads(b"[" * 64 + b"]" * 64)
    with pytest.raises(BodyMalformed):
        strict_json.loads(b"[" * 65 + b"]" * 65)


def test_counts_depth_and_not_brackets() -> None:
    assert len(strict_json.loads(b"[" + b"[],{}," * 1000 + b"[]]")) == 2001  # type: ignore[arg-type]  # a list, as sent


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    )
)
def test_agrees_with_the_standard_library_on_everything_storable(value: Any) -> None:
    text = json.dumps(value)
    if "\\u0000" in text or not strict_json.is_storable(json.dumps(value, ensure_ascii=False)):
        with pytest.raises(BodyMalformed):
            strict_json.loads(text.encode())
    else:
        assert strict_json.loads(text.encode()) == value


@given(st.binary(max_size=200))
def test_answers_any_bytes_with_a_value_or_a_refusal(body: bytes) -> None:
    try:
        strict_json.loads(body)
    except BodyMalformed as refusal:
        str(refusal).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_CONTENT_ENCODING": "br"},
        {"content_type": "application/json; charset=cp1251"},
        {"content_type": "text/plain"},
        {"content_type": "application/xml"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "nonsense"},
    ],
)
def test_answers_415_to_other_forms(client: Client, headers: dict[str, str]) -> None:
    request: dict[str, Any] = {"data": b"{}", "content_type": JSON, **headers}
    response = client.post("/t/echo", **request)
    assert response.status_code == 415
    assert response.json()["code"] == "common.unsupported_media_type"


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=UTF-8", "application/JSON;charset=utf8"])
def test_takes_json_however_it_is_announced(client: Client, content_type: str) -> None:
    assert client.post("/t/echo", data=b'{"number": 1}', content_type=content_type).status_code == 200


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "٣", "1" * 30])
def test_refuses_a_length_that_is_none(length: str) -> None:
    request = RequestFactory().post("/t/echo", data=b"{}", content_type=JSON)
    request.META["CONTENT_LENGTH"] = length
    with pytest.raises(Exception, match=r"common\.(bad_request|body_too_large)"):
        bound_body(request)


class TestSize:
    def test_takes_a_megabyte(self, client: Client) -> None:
        body = b'{"metadata": {}}'.ljust(strict_json.MAX_BODY_BYTES)
        assert client.post("/t/echo", data=body, content_type=JSON).status_code == 200

    def test_refuses_a_byte_more(self, client: Client) -> None:
        body = b'{"metadata": {}}'.ljust(strict_json.MAX_BODY_BYTES + 1)
        response = client.post("/t/echo", data=body, content_type=JSON)
        assert response.status_code == 413
        assert response.json()["code"] == "common.body_too_large"
        assert response.json()["limit_bytes"] == strict_json.MAX_BODY_BYTES

    def test_refuses_it_whatever_its_form(self, client: Client) -> None:
        response = client.post("/t/silent", data=b" " * 2_000_000, content_type="text/plain")
        assert response.status_code == 413

    def test_reads_no_more_than_it_may_of_a_stream_that_lies(self) -> None:
        endless = EndlessZeros()
        request = _chunked(endless)
        with pytest.raises(BodyTooLarge):
            bound_body(request)
        assert endless.largest_read <= 64 * 1024

    def test_joins_chunks_that_the_server_delimits(self) -> None:
        request = _chunked(BytesIO(b'{"number": 1}'))
        bound_body(request)
        assert request.META["CONTENT_LENGTH"] == "13"
        assert request.read() == b'{"number": 1}'

    def test_asks_for_a_length_where_the_server_does_not_join_chunks(self) -> None:
        request = _chunked(BytesIO(b'{"number": 1}'))
        del request.META["wsgi.input_terminated"]
        with pytest.raises(LengthRequired):
            bound_body(request)


class TestOverTheWire:
    """The same through a real socket, from a client that sends before it listens."""

    @pytest.fixture
    def address(self, live_server: LiveServer) -> tuple[str, int]:
        parts = urlsplit(live_server.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def test_tells_a_client_that_sends_sixty_megabytes_that_it_is_too_much(self, live_server: LiveServer) -> None:
        with memory() as peak:
            response = requests.post(
                f"{live_server.url}/t/echo", data=Zeros(60_000_000), headers={"Content-Type": JSON}, timeout=30
            )
        assert response.status_code == 413
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "common.body_too_large"
        assert peak[0] < 10_000_000

    def test_answers_deep_nesting_and_goes_on_working(self, live_server: LiveServer) -> None:
        for body in (b"[" * 100_000, b'{"a":' * 100_000):
            response = requests.post(f"{live_server.url}/t/echo", data=body, headers={"Content-Type": JSON}, timeout=10)
            assert response.status_code == 400
        assert requests.get(f"{live_server.url}/t/echo", timeout=10).status_code == 200

    def test_asks_for_a_length_of_a_chunked_body(self, live_server: LiveServer) -> None:
        response = requests.post(
            f"{live_server.url}/t/echo", data=iter([b"{}"]), headers={"Content-Type": JSON}, timeout=10
        )
        assert response.status_code == 411
        assert response.json()["code"] == "common.length_required"

    def test_survives_a_client_that_leaves_in_the_middle(
        self, live_server: LiveServer, address: tuple[str, int]
    ) -> None:
        with socket.create_connection(address, timeout=5) as wire:
            wire.sendall(
                b"POST /t/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b'Content-Length: 900000\r\n\r\n{"number":'
            )
        assert requests.get(f"{live_server.url}/t/echo", timeout=10).status_code == 200


def test_spends_little_memory_on_a_megabyte_of_small_values() -> None:
    for body in (b"[" + b"[]," * 333_000 + b"1]", b"[" + b"{}," * 333_000 + b"1]", b"[" + b"1.5," * 249_000 + b"1]"):
        with memory() as peak:
            strict_json.loads(body)
        assert peak[0] < 50_000_000


@contextmanager
def memory() -> Iterator[list[int]]:
    """How many bytes the block held at most beyond what was there before; a list that is filled at its end."""
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


class EndlessZeros(BytesIO):
    """A body that never ends, and remembers how much of it was asked for at once."""

    largest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest_read = max(self.largest_read, size or 0)
        return b"0" * (size or 0)


class Zeros(BytesIO):
    """So many bytes to send, none of them kept."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.left = self.length = length

    def __len__(self) -> int:
        return self.length

    def read(self, size: int | None = -1, /) -> bytes:
        sent = min(size or 0, self.left)
        self.left -= sent
        return b"0" * sent


def _chunked(stream: BytesIO) -> WSGIRequest:
    request = RequestFactory().post("/t/echo", data=b"", content_type=JSON)
    request.META |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": stream, "wsgi.input_terminated": True}
    request.META["CONTENT_LENGTH"] = ""
    return request
