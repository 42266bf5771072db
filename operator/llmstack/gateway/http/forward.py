"""What of a head passes on, and what is ours?

Dropped both ways: what describes one connection only, and what Connection names. Dropped on the way
to a replica besides: the client's keys, what asks for compression, and X-Conversation-Id, which
would keep a task running at the replica after its client has left.
"""

from collections.abc import Iterable
from functools import lru_cache

from llmstack.gateway.catalog import Backend
from llmstack.gateway.http.head import REMEMBERED, Fields, RequestHead, ResponseHead, tokens
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
    lines = [
        b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\nx-request-id: %b"
        % (path.encode("ascii"), _host(backend), length, id)
    ]
    if backend.key:
        lines.append(b"authorization: Bearer " + backend.key.encode("latin-1"))
    lines.append(_to_replica(head))
    return b"\r\n".join(lines)


def response_head(head: ResponseHead, ours: Iterable[tuple[bytes, bytes]], keep: bool) -> bytes:
    """The head of the response to a client; its body passes as it comes."""
    lines = [b"%b: %b" % field for field in ours]
    if not keep:
        lines.append(b"connection: close")
    lines.append(b"\r\n")
    return _to_client(head) + b"\r\n".join(lines)


def answer(
    what: Answer, ours: Iterable[tuple[bytes, bytes]], keep: bool, bodyless: bool = False
) -> bytes:
    """A whole response of our own. `bodyless`: the answer to HEAD."""
    lines = [b"HTTP/1.1 %d %b" % (what.status, _REASONS.get(what.status, b"Answer"))]
    lines += [name + b": " + value for name, value in (*what.headers, *ours)]
    if what.status != 204:
        lines.append(b"content-type: %b" % what.content_type)
        lines.append(b"content-length: %d" % len(what.body))
    if not keep:
        lines.append(b"connection: close")
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    return head if bodyless else head + what.body


def _host(backend: Backend) -> bytes:
    host = f"[{backend.host}]" if ":" in backend.host else backend.host
    return f"{host}:{backend.port}".encode("ascii")


@lru_cache(REMEMBERED)
def _to_replica(head: RequestHead) -> bytes:
    """The lines that pass, and the head's end."""
    passing = _passing(head.fields, _NOT_TO_REPLICAS, head.by_name.get(b"connection", b""))
    return b"".join(line + b"\r\n" for line in passing) + b"\r\n"


@lru_cache(REMEMBERED)
def _to_client(head: ResponseHead) -> bytes:
    """The status, the lines that pass, and the framing."""
    lines = [b"HTTP/1.1 %d %b" % (head.status, head.reason)]
    connection = next((value for name, value in head.fields if name == b"connection"), b"")
    lines += _passing(head.fields, _NOT_TO_CLIENTS, connection)
    if head.length is None:
        lines.append(b"transfer-encoding: chunked")
    elif head.length or head.status not in (204, 304):
        lines.append(b"content-length: %d" % head.length)
    return b"".join(line + b"\r\n" for line in lines)


def _passing(fields: Fields, dropped: frozenset[bytes], connection: bytes) -> list[bytes]:
    if connection:
        dropped = dropped | tokens(connection)
    return [name + b": " + value for name, value in fields if name not in dropped]
