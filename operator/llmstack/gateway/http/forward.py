"""What of a head passes on, and what is ours?

Dropped both ways: what describes one connection only, and what Connection names. Dropped on the way
to a replica besides: the client's keys, what asks for compression, and X-Conversation-Id, which
would keep a task running at the replica after its client has left.
"""

from collections.abc import Iterable
from functools import lru_cache

from llmstack.gateway.catalog import Backend
from llmstack.gateway.http.head import (
    REMEMBERED,
    Fields,
    RequestHead,
    ResponseHead,
    connection_tokens,
)
from llmstack.gateway.refusals import Answer

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_TO_REPLICAS = _HOP_BY_HOP | {
    b"accept-encoding",
    b"api-key",
    b"authorization",
    b"expect",
    b"host",
    b"http2-settings",
    b"if-range",
    b"range",
    b"x-api-key",
    b"x-conversation-id",
    b"x-request-id",
}
_NOT_TO_CLIENTS = _HOP_BY_HOP | {
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-allow-origin",
    b"access-control-expose-headers",
    b"x-request-id",
    b"x-llmstack-prefix-hit",
    b"x-llmstack-queued-ms",
    b"x-llmstack-replica",
}
_REASONS = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    417: b"Expectation Failed",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


def request_head(head: RequestHead, path: str, backend: Backend, length: int, id: bytes) -> bytes:
    """The head of the request to a replica: the path is ours, the length that of the whole body."""
    return b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n%b" % (
        path.encode("ascii"),
        _of_replica(backend),
        length,
        id,
        _to_replica(head),
    )


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they are written."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def response_head(head: ResponseHead, ours: bytes, keep: bool) -> bytes:
    """The head of the response to a client, with lines of ours; its body passes as it comes."""
    return _to_client(head) + ours + (b"\r\n" if keep else b"connection: close\r\n\r\n")


def events_head(ours: bytes, keep: bool) -> bytes:
    """The head of an event stream that begins before its replica's answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    head += b"transfer-encoding: chunked\r\n" + ours
    return head + (b"\r\n" if keep else b"connection: close\r\n\r\n")


def answer(what: Answer, ours: bytes, keep: bool, bodyless: bool = False) -> bytes:
    """A whole response of our own. `bodyless`: the answer to HEAD."""
    head = b"HTTP/1.1 %d %b\r\n" % (what.status, _REASONS.get(what.status, b"Answer"))
    head += lines(what.headers) + ours
    if what.status != 204:
        head += b"content-type: %b\r\n" % what.content_type
        head += b"content-length: %d\r\n" % len(what.body)
    head += b"\r\n" if keep else b"connection: close\r\n\r\n"
    return head if bodyless else head + what.body


@lru_cache(REMEMBERED)
def _of_replica(backend: Backend) -> bytes:
    """Its name and its key."""
    host = f"[{backend.host}]" if ":" in backend.host else backend.host
    name = b"host: %b:%d\r\n" % (host.encode("ascii"), backend.port)
    key = b"authorization: Bearer %b\r\n" % backend.key.encode("latin-1")
    return name + key if backend.key else name


@lru_cache(REMEMBERED)
def _to_replica(head: RequestHead) -> bytes:
    """The lines that pass, and the head's end."""
    passing = _passing(head.fields, _NOT_TO_REPLICAS)
    return b"".join(line + b"\r\n" for line in passing) + b"\r\n"


@lru_cache(REMEMBERED)
def _to_client(head: ResponseHead) -> bytes:
    """The status, the lines that pass, and the framing."""
    passing = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
    passing += _passing(head.fields, _NOT_TO_CLIENTS)
    if head.length is None:
        passing.append(b"transfer-encoding: chunked")
    elif head.length or head.status not in (204, 304):
        passing.append(b"content-length: %d" % head.length)
    return b"".join(line + b"\r\n" for line in passing)


def _passing(fields: Fields, dropped: frozenset[bytes]) -> list[bytes]:
    dropped = dropped | connection_tokens(fields)
    return [name + b": " + value for name, value in fields if name not in dropped]
