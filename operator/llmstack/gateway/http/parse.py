"""How is the head of a message parsed?

llhttp (strict) parses it; what it lets pass and the gateway does not is refused here. Clients and
replicas send the same heads again and again, so one that was parsed lately is not parsed again.

    bytes ─ parse_request ─> RequestHead      bytes ─ parse_response ─> ResponseHead
"""

import re
from functools import lru_cache

import httptools

from llmstack.gateway.http.framing import Garbage
from llmstack.gateway.http.head import (
    Fields,
    Malformed,
    RequestHead,
    ResponseHead,
    connection_tokens,
)

REMEMBERED = 128
"""Parsed heads that are cached."""
_LONGEST_REMEMBERED = 2048
"""Bytes of the longest head that is cached."""
_SINGLE = frozenset(
    {
        *(b"host", b"content-type", b"expect", b"transfer-encoding"),
        *(b"authorization", b"x-api-key", b"api-key"),
    }
)
_HOST = re.compile(rb"[A-Za-z0-9._~-]*(?::\d{0,5})?|\[[0-9A-Fa-f:.]+\](?::\d{0,5})?")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_KINDS = frozenset({b"application/json", b"text/event-stream", b"text/plain"})
"""Content types of responses; llama-server sends no others."""
_INTERIM = frozenset({100, 102, 103})


class _Parts:
    """Collects what llhttp finds in a head."""

    __slots__ = ("complete", "fields", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: Fields = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


def parse_request(head: bytes) -> RequestHead:
    """Parses a head, given up to and with its empty line. Raises Malformed."""
    return (_known_request if len(head) <= _LONGEST_REMEMBERED else _parse_request)(head)


def parse_response(head: bytes) -> ResponseHead:
    """Parses a head, given up to and with its empty line. Raises Garbage."""
    return (_known_response if len(head) <= _LONGEST_REMEMBERED else _parse_response)(head)


def _parse_request(head: bytes) -> RequestHead:
    parts = _Parts()
    parser = httptools.HttpRequestParser(parts)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # A server may ignore Upgrade, which Java's client sends to ask for h2c.
    except httptools.HttpParserError as error:
        raise Malformed(400, f"This is no HTTP/1.1 request: {_why(error)}.") from error
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise Malformed(505, f"HTTP/{version} is not served here: use HTTP/1.1.", "http_version")
    if not parts.complete:
        raise Malformed(400, "This is no HTTP/1.1 request: its head does not end where it should.")
    return _request(parser.get_method().decode("ascii"), parts, old=version == "1.0")


def _request(method: str, parts: _Parts, *, old: bool) -> RequestHead:
    fields = parts.fields
    by_name = dict(fields)
    if len(by_name) != len(fields):
        _refuse_repeated(fields)
    host = by_name.get(b"host", b"" if old else None)
    if host is None or not _HOST.fullmatch(host.strip(b" \t")):
        raise Malformed(400, "A request needs one Host header that names a host.")
    expect = by_name.get(b"expect")
    if expect is not None and expect.lower() != b"100-continue":
        raise Malformed(417, "Only 'Expect: 100-continue' can be met.", "expectation_failed")
    return RequestHead(
        method=method,
        path=_path(parts.target),
        host=host.decode("ascii").strip(),
        fields=fields,
        by_name=by_name,
        length=_request_length(by_name, old=old),
        keep_alive=not old and b"close" not in connection_tokens(fields),
        expects=expect is not None and not old,
        old=old,
    )


def _refuse_repeated(fields: Fields) -> None:
    seen = set()
    for name, _ in fields:
        if name in seen and name in _SINGLE:
            raise Malformed(400, f"The header {name.decode('ascii')} may be sent only once.")
        seen.add(name)


def _path(target: bytes) -> str:
    """Returns the path of `/path?query` or `http://host/path?query`."""
    if not target.startswith(b"/"):
        scheme, separator, rest = target.partition(b"://")
        if separator and scheme.lower() in (b"http", b"https"):
            target = b"/" + rest.partition(b"/")[2]
    return target.partition(b"?")[0].decode("latin-1")


def _request_length(by_name: dict[bytes, bytes], *, old: bool) -> int | None:
    encoding = by_name.get(b"transfer-encoding")
    length = by_name.get(b"content-length")
    if encoding is not None:
        # llhttp refuses the combination of both, but accepts other encodings below the chunks.
        if old or length is not None or encoding.strip(b" \t").lower() != b"chunked":
            raise Malformed(
                400,
                "Transfer-Encoding may only be 'chunked', without Content-Length, in HTTP/1.1.",
            )
        return None
    if length is None:
        return 0
    if not _DIGITS.fullmatch(length.strip(b" \t")):
        raise Malformed(400, "Content-Length must be a number of bytes.")
    return int(length)


def _parse_response(head: bytes) -> ResponseHead:
    parts = _Parts()
    parser = httptools.HttpResponseParser(parts)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade as error:
        raise Garbage("it asks for another protocol") from error
    except httptools.HttpParserError as error:
        raise Garbage(f"its response is not HTTP: {_why(error)}") from error
    if not parts.complete or not head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
        raise Garbage("its response is not HTTP/1.1")
    status = parser.get_status_code()
    by_name = dict(parts.fields)
    _check_meaning(status, by_name)
    length, until_close = _response_length(status, parts.fields)
    if length is None and not until_close and head.startswith(b"HTTP/1.0"):
        raise Garbage("its response is HTTP/1.0 but chunked")
    closes = b"close" in connection_tokens(parts.fields)
    return ResponseHead(
        status=status,
        fields=parts.fields,
        length=length,
        until_close=until_close,
        keep_alive=head.startswith(b"HTTP/1.1") and not closes and not until_close,
        events=_kind(by_name) == b"text/event-stream",
    )


def _check_meaning(status: int, by_name: dict[bytes, bytes]) -> None:
    """Refuses what llama-server never sends but a client would act on: redirects, codings, pages.

    The client asked for none of these: its headers about caches, codings and ranges did not pass.
    """
    if status != 200 and not 400 <= status < 600 and status not in _INTERIM:
        raise Garbage(f"its status is {status:03}")
    coding = by_name.get(b"content-encoding", b"").strip(b" \t").lower()
    if coding not in (b"", b"identity"):
        raise Garbage("its response is compressed")
    if status == 200 and b"content-type" in by_name and _kind(by_name) not in _KINDS:
        raise Garbage("its response is neither JSON nor an event stream")


def _kind(by_name: dict[bytes, bytes]) -> bytes:
    """Returns the content type without its parameters."""
    return by_name.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()


def _response_length(status: int, fields: Fields) -> tuple[int | None, bool]:
    """Returns the body's length, and whether only the connection's end ends it."""
    if status < 200:
        return 0, False
    lengths = {value.strip(b" \t") for name, value in fields if name == b"content-length"}
    encodings = [value for name, value in fields if name == b"transfer-encoding"]
    if encodings:
        if lengths or [value.strip(b" \t").lower() for value in encodings] != [b"chunked"]:
            raise Garbage("its response is framed in two ways")
        return None, False
    if not lengths:
        return None, True
    length = lengths.pop()
    if lengths or not _DIGITS.fullmatch(length):
        raise Garbage("its response has no valid length")
    return int(length), False


def _why(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


_known_request = lru_cache(REMEMBERED)(_parse_request)
_known_response = lru_cache(REMEMBERED)(_parse_response)
