"""How a body is read: only JSON, only so much of it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, Final

from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from core.api import strict_json
from core.api.errors import BadRequest, BodyTooLarge, LengthRequired, UnsupportedMediaType

# A client that is still sending does not listen. What it sends is thrown away up to here, so that it hears the 413.
_DRAINED_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024


class StrictJSONParser(BaseParser):
    """Parses ``application/json`` as :func:`core.api.strict_json.loads` does."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # Any: a JSON value; DRF's stubs think of objects only
        """
        The body's value.

        :raises core.api.errors.BodyTooLarge: more than a megabyte came
        :raises core.api.errors.BodyMalformed: it is not acceptable JSON
        """
        return strict_json.loads(read_bounded(stream))


def bound_body(request: HttpRequest) -> None:
    """
    Refuse a body by its headers alone, before a byte of it is read, and give a chunked one its length.

    :raises core.api.errors.BodyTooLarge: its Content-Length is over a megabyte, or that much came in chunks
    :raises core.api.errors.UnsupportedMediaType: it is compressed, or not in UTF-8
    :raises core.api.errors.LengthRequired: it comes in chunks and the web server does not join them
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()):
        raise BadRequest
    if int(length[:20]) > strict_json.MAX_BODY_BYTES:
        _drain(request, int(length[:20]))
        raise BodyTooLarge(limit_bytes=strict_json.MAX_BODY_BYTES)
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        _join_chunks(request)


def read_bounded(stream: IO[bytes] | HttpRequest) -> bytes:
    """
    All of a stream, if it is at most a megabyte.

    :raises core.api.errors.BodyTooLarge: it is longer
    :raises core.api.errors.BadRequest: the client went away in the middle, or its chunks are malformed
    """
    body = bytearray()
    while chunk := _read(stream):
        body += chunk
        if len(body) > strict_json.MAX_BODY_BYTES:
            _throw_away(stream, _DRAINED_BYTES)
            raise BodyTooLarge(limit_bytes=strict_json.MAX_BODY_BYTES)
    return bytes(body)


def _join_chunks(request: HttpRequest) -> None:
    # Django takes a body without Content-Length for empty; the server's own stream knows where the chunks end.
    if not request.META.get("wsgi.input_terminated"):
        raise LengthRequired
    body = read_bounded(request.META["wsgi.input"])
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def _drain(request: HttpRequest, length: int) -> None:
    if length <= _DRAINED_BYTES:
        _throw_away(request, length)


def _throw_away(stream: IO[bytes] | HttpRequest, at_most: int) -> None:
    while at_most > 0 and (chunk := _read(stream)):
        at_most -= len(chunk)


def _read(stream: IO[bytes] | HttpRequest) -> bytes:
    try:
        return stream.read(_CHUNK_BYTES)
    except Exception as error:
        # The stream is the web server's: it raises what it likes when the client goes away, stalls or sends chunks
        # that are none. All of it is the client's doing.
        raise BadRequest from error
