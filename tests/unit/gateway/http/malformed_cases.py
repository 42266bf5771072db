"""Bytes that are no request, or two readings of one: what is said to each.

The connection always ends: nobody can tell where the next request would begin.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY = b'{"model": "smol"}'
SMUGGLED = b"POST /v1/completions HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """`status`: of the one answer that such a client gets."""

    name: str
    sent: bytes
    status: int = 400


def _head(*lines: bytes, start: bytes = b"POST /v1/chat/completions HTTP/1.1") -> bytes:
    return b"\r\n".join((start, *lines)) + b"\r\n\r\n"


def _with(*lines: bytes, body: bytes = BODY) -> bytes:
    return _head(b"Host: gateway", *lines) + body


def _start(line: bytes) -> bytes:
    return _head(b"Host: gateway", start=line)


CASES = (
    # Two lengths: the classics of smuggling.
    Case("CL.TE", _with(b"Content-Length: 6", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nG")),
    Case("TE.CL", _with(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"5c\r\nGPOST")),
    Case("CL.CL", _with(b"Content-Length: 17", b"Content-Length: 5")),
    Case("the same length twice", _with(b"Content-Length: 17", b"Content-Length: 17")),
    Case("a list of lengths", _with(b"Content-Length: 17, 17")),
    Case("a signed length", _with(b"Content-Length: +17")),
    Case("a negative length", _with(b"Content-Length: -1")),
    Case("a hexadecimal length", _with(b"Content-Length: 0x11")),
    Case("a length with an underscore", _with(b"Content-Length: 1_7")),
    Case("a length with a fraction", _with(b"Content-Length: 17.0")),
    Case("an empty length", _with(b"Content-Length:")),
    Case("a length beyond 64 bits", _with(b"Content-Length: 99999999999999999999")),
    Case("a length with a space in it", _with(b"Content-Length: 1 7")),
    Case("a vertical tab before the length", _with(b"Content-Length: \x0b17")),
    # Transfer-Encoding that another reader would take for chunked, or for none.
    Case("an unknown encoding", _with(b"Transfer-Encoding: xchunked")),
    Case("chunked twice", _with(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    Case("chunked, then identity", _with(b"Transfer-Encoding: chunked, identity")),
    Case("gzip, then chunked", _with(b"Transfer-Encoding: gzip, chunked")),
    Case("gzip, chunked below", _with(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked")),
    Case("gzip alone", _with(b"Transfer-Encoding: gzip")),
    Case("quoted chunked", _with(b'Transfer-Encoding: "chunked"')),
    Case("a space before the colon", _with(b"Transfer-Encoding : chunked")),
    Case("a vertical tab before chunked", _with(b"Transfer-Encoding: \x0bchunked")),
    Case("chunked in a folded line", _with(b"Transfer-Encoding:\r\n chunked")),
    Case("an empty encoding", _with(b"Transfer-Encoding:", b"Content-Length: 17")),
    Case("chunked after a null", _with(b"Transfer-Encoding: \x00chunked")),
    Case("chunked after an odd line", _with(b"X: y\nTransfer-Encoding: chunked")),
    # Chunks.
    Case("a size that is none", _with(b"Transfer-Encoding: chunked", body=b"zz\r\n")),
    Case("a size with 0x", _with(b"Transfer-Encoding: chunked", body=b"0x5\r\nhello\r\n0\r\n\r\n")),
    Case("a signed size", _with(b"Transfer-Encoding: chunked", body=b"+5\r\nhello\r\n0\r\n\r\n")),
    Case("an extension", _with(b"Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0\r\n\r\n")),
    Case("a size that overflows", _with(b"Transfer-Encoding: chunked", body=b"f" * 17 + b"\r\n")),
    Case("a chunk that is too long", _with(b"Transfer-Encoding: chunked", body=b"2\r\nabc\r\n")),
    Case("a bare LF after a size", _with(b"Transfer-Encoding: chunked", body=b"2\nab\r\n0\r\n")),
    Case("a bare LF after a chunk", _with(b"Transfer-Encoding: chunked", body=b"2\r\nab\n0\n\n")),
    Case("a trailer that is none", _with(b"Transfer-Encoding: chunked", body=b"0\r\nX\r\n\r\n")),
    Case("a null in a trailer", _with(b"Transfer-Encoding: chunked", body=b"0\r\nX: \0\r\n\r\n")),
    Case(
        "endless trailers",
        _with(b"Transfer-Encoding: chunked", body=b"0\r\n" + b"X: y\r\n" * 5000),
    ),
    # Lines.
    Case("bare LF", b"GET / HTTP/1.1\nHost: gateway\n\n"),
    Case("bare LF after one header", b"GET / HTTP/1.1\r\nHost: gateway\nX: y\r\n\r\n"),
    Case("bare CR in a header", _with(b"X: a\rTransfer-Encoding: chunked")),
    Case("bare CR between headers", b"GET / HTTP/1.1\rHost: gateway\r\n\r\n"),
    Case("a folded header", _with(b"X: a\r\n b")),
    Case("a header that begins with a space", _head(b" Host: gateway")),
    Case("null in a value", _with(b"X: a\x00b")),
    Case("null in a name", _with(b"X\x00: a")),
    Case("a control character", _with(b"X: a\x01b")),
    Case("DEL", _with(b"X: a\x7fb")),
    Case("no name", _with(b": a")),
    Case("no colon", _with(b"X")),
    Case("a name in quotes", _with(b'"X": a')),
    Case("a space in a name", _with(b"X Y: a")),
    Case("high bytes in a name", _with(b"X\xe4: a")),
    # The first line.
    Case("no version", b"GET /v1/models\r\n\r\n", 505),
    Case("no target", _start(b"GET HTTP/1.1")),
    Case("a space in the target", _start(b"GET /v1/models x HTTP/1.1")),
    Case("a null in the target", _start(b"GET /v1/\x00models HTTP/1.1")),
    Case("high bytes in the target", _start(b"GET /v1/m\xf6dels HTTP/1.1")),
    Case("a lower-case method", _start(b"get /v1/models HTTP/1.1")),
    Case("an unknown method", _start(b"BREW /v1/models HTTP/1.1")),
    Case("a method glued to a null", b"GET\x00 /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n"),
    Case(
        "HTTP/1.0 with chunks", _head(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"), 400
    ),
    Case("HTTP/0.9", b"GET /\r\n\r\n", 505),
    Case("HTTP/1.2", _start(b"GET /v1/models HTTP/1.2")),
    Case("HTTP/2.0", _start(b"GET /v1/models HTTP/2.0"), 505),
    Case("HTTP/11", _start(b"GET /v1/models HTTP/11")),
    Case("another protocol", _start(b"GET /v1/models ICE/1.1")),
    Case("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40),
    Case("a line of nonsense", b"hello\r\n"),
    Case("zeros", b"\x00" * 64),
    # Host.
    Case("no host", _head()),
    Case("two hosts", _head(b"Host: gateway", b"Host: elsewhere")),
    Case("two hosts that agree", _head(b"Host: gateway", b"host: gateway")),
    Case("a host with a path", _head(b"Host: gateway/x")),
    Case("a host with a user", _head(b"Host: a@gateway")),
    Case("a host with a list", _head(b"Host: gateway, elsewhere")),
    Case("a host with a space", _head(b"Host: gate way")),
    Case("two keys", _with(b"Authorization: Bearer a", b"Authorization: Bearer b")),
    # Sizes and promises.
    Case("a head without an end", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 8000, 431),
    Case("one long header", _with(b"X: " + b"y" * 40_000), 431),
    Case("a long target", _start(b"GET /" + b"y" * 40_000 + b" HTTP/1.1"), 431),
    Case("a body that says it is too long", _with(b"Content-Length: 67108865"), 413),
    Case("an expectation", _with(b"Expect: the unexpected", b"Content-Length: 17"), 417),
)
