"""Which parts of a head pass, and which are the gateway's own?

In both directions a list names what passes; everything else is the gateway's own or is dropped. So
a replica never sees keys, cookies, addresses added by proxies, a form's content type, or
X-Conversation-Id, which would keep a task running after its client has left. A client never gets a
replica's cookies, redirects or instructions to a proxy (X-Accel-Redirect).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from llmstack.gateway.http.answer import Answer
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.head import (
    Fields,
    RequestHead,
    ResponseHead,
    connection_tokens,
)
from llmstack.gateway.http.parse import REMEMBERED

_TO_REPLICAS = (
    b"accept",
    b"user-agent",
    b"anthropic-version",
    b"anthropic-beta",
    b"traceparent",
    b"tracestate",
)
_TO_CLIENTS = (b"content-type", b"retry-after", b"cache-control", b"x-accel-buffering")
_WITH_EVENTS = _TO_CLIENTS[:2]
"""What passes with an event stream, for which the gateway sets the other headers itself."""
_UNBUFFERED = b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"
"""Headers of event streams that make proxies pass each event as it comes."""
_PLAIN = re.compile(rb"[\t\x20-\x7e]{0,1024}")
"""A value that passes. llama-server answers a line above 8 KiB with a bare 400."""
_JSON = b"content-type: application/json\r\n"
"""Replaces the client's content type, since what passes has been read as JSON. llama-server does
not read a form of more than 8 KiB."""
_REASONS = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    409: b"Conflict",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    417: b"Expectation Failed",
    422: b"Unprocessable Content",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


def request_head(
    head: RequestHead, path: str, backend: Backend, length: int, id: bytes, ours: bytes = b""
) -> bytes:
    """Returns the head of the request to a replica.

    `length` is that of the whole body. `ours` are header lines that the gateway adds, such as the
    content type of a form.
    """
    return b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n%b%b" % (
        path.encode("ascii"),
        backend.lines,
        length,
        id,
        ours,
        _to_replica(head, b"content-type:" in ours),
    )


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns headers as they are written."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def response_head(head: ResponseHead, ours: bytes, keep: bool) -> bytes:
    """Returns the head of a relayed response, with header lines that the gateway adds (`ours`)."""
    return _to_client(head) + ours + (b"\r\n" if keep else b"connection: close\r\n\r\n")


def events_head(ours: bytes, keep: bool) -> bytes:
    """Returns the head of an event stream that begins before its replica responds."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + _UNBUFFERED
    head += b"transfer-encoding: chunked\r\n" + ours
    return head + (b"\r\n" if keep else b"connection: close\r\n\r\n")


def answer(what: Answer, ours: bytes, keep: bool, bodyless: bool = False) -> bytes:
    """Returns a whole response of the gateway. `bodyless` is True for the response to HEAD."""
    head = b"HTTP/1.1 %d %b\r\n" % (what.status, _REASONS.get(what.status, b"Answer"))
    head += lines(what.headers) + ours
    if what.status != 204:
        head += b"content-type: %b\r\n" % what.content_type
        head += b"content-length: %d\r\n" % len(what.body)
    head += b"\r\n" if keep else b"connection: close\r\n\r\n"
    return head if bodyless else head + what.body


@lru_cache(REMEMBERED)
def _to_replica(head: RequestHead, form: bool) -> bytes:
    """Returns the lines that pass, and the end of the head."""
    kind = _JSON if b"content-type" in head.by_name and not form else b""
    return kind + lines(_passing(head.fields, _TO_REPLICAS)) + b"\r\n"


@lru_cache(REMEMBERED)
def _to_client(head: ResponseHead) -> bytes:
    """Returns the status, the lines that pass, and the framing."""
    status = b"HTTP/1.1 %d %b\r\n" % (head.status, _REASONS.get(head.status, b"Answer"))
    framing = b"transfer-encoding: chunked\r\n"
    if head.length is not None:
        framing = b"content-length: %d\r\n" % head.length
    if head.events:
        return status + lines(_passing(head.fields, _WITH_EVENTS)) + _UNBUFFERED + framing
    return status + lines(_passing(head.fields, _TO_CLIENTS)) + framing


def _passing(fields: Fields, names: tuple[bytes, ...]) -> Fields:
    """Returns each of these headers once, unless Connection names it."""
    by_name, dropped = dict(fields), connection_tokens(fields)
    return [
        (name, by_name[name])
        for name in names
        if name in by_name and name not in dropped and _PLAIN.fullmatch(by_name[name])
    ]
