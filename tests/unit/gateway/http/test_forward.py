"""What of a head passes on, and what is ours?"""

from __future__ import annotations

import pytest

from llmstack.gateway.http.answer import Answer
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.forward import answer, request_head, response_head
from llmstack.gateway.http.framing import Garbage
from llmstack.gateway.http.parse import parse_request, parse_response
from llmstack.gateway.refusals import unauthorized

OURS = b"x-request-id: r1\r\n"


def to_replica(*lines: bytes, backend: Backend | None = None) -> list[bytes]:
    """The lines that a replica gets for a request with these headers."""
    sent = b"\r\n".join((b"POST /v1/chat/completions?a=b HTTP/1.1", b"Host: gateway", *lines))
    head = parse_request(sent + b"\r\n\r\n")
    backend = backend or Backend("r", "10.0.0.7", 9000)
    return request_head(head, "/v1/chat/completions", backend, 7, b"r1").split(b"\r\n")[:-2]


def to_client(*lines: bytes, status: bytes = b"200 OK", keep: bool = True) -> list[bytes]:
    """The lines that a client gets for a response with these headers."""
    sent = b"\r\n".join((b"HTTP/1.1 " + status, *lines)) + b"\r\n\r\n"
    return response_head(parse_response(sent), OURS, keep).split(b"\r\n")[:-2]


def test_the_frame_of_a_request_is_ours() -> None:
    lines = to_replica(b"Transfer-Encoding: chunked")
    assert lines == [
        b"POST /v1/chat/completions HTTP/1.1",
        b"host: 10.0.0.7:9000",
        b"content-length: 7",
        b"x-request-id: r1",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"Cookie: session=secret",
        b"Cookie2: $Version=1",
        b"Cookie: " + b"a" * 9000,
        b"Forwarded: for=192.0.2.1",
        b"X-Forwarded-For: 192.0.2.1",
        b"X-Forwarded-Host: llm.example",
        b"X-Forwarded-User: alice",
        b"X-Original-Forwarded-For: 192.0.2.1",
        b"X-Real-IP: 192.0.2.1",
        b"CF-Connecting-IP: 192.0.2.1",
        b"X-Client-Cert: secret",
        b"Via: 1.1 proxy",
        b"Origin: https://chat.example",
        b"Referer: https://chat.example/secret",
        b"Sec-Fetch-Site: cross-site",
        b"Sec-CH-UA: x",
        b"DNT: 1",
        b"If-None-Match: *",
        b"X-HTTP-Method-Override: DELETE",
        b"X-Tool-Cwd: /",
        b"X-Llmstack-Lease: 1",
        b"X-Llmstack-Salt: of-another",
        b"User-Agent: " + b"a" * 2000,
        b"Accept: \xff",
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authorization: Basic a",
        b"TE: trailers",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAEA",
        b"Expect: 100-continue",
        b"Range: bytes=0-9",
        b"Accept-Encoding: gzip, br",
        b"Authorization: Bearer secret",
        b"X-Api-Key: secret",
        b"Api-Key: secret",
        b"X-Conversation-Id: a",
        b"x-CONVERSATION-id: a",
        b"X-Request-Id: a",
        b"Content-Length: 7",
    ],
)
def test_what_does_not_reach_a_replica(line: bytes) -> None:
    assert to_replica(line) == to_replica()


def test_what_connection_names_does_not_reach_a_replica() -> None:
    lines = (b"Connection: close, Accept", b"Accept: a", b"User-Agent: b")
    assert to_replica(*lines)[4:] == [b"user-agent: b"]


def test_connection_may_be_there_twice() -> None:
    twice = (b"Connection: X-Hop, close", b"Connection: X-Other", b"X-Hop: a", b"X-Other: b")
    assert to_replica(*twice) == to_replica()
    assert not parse_request(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"
    ).keep_alive


def test_a_few_headers_reach_a_replica() -> None:
    lines = (b"accept: */*", b"user-agent: curl/8", b"anthropic-version: 2023-06-01")
    assert to_replica(*lines)[4:] == list(lines)


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json; charset=utf-8",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"text/plain",
        b"\xff",
    ],
)
def test_whatever_a_body_is_called_it_passes_as_json(kind: bytes) -> None:
    assert to_replica(b"Content-Type: " + kind)[4:] == [b"content-type: application/json"]


def test_a_replica_gets_its_own_key() -> None:
    lines = to_replica(b"Authorization: Bearer other", backend=Backend("r", "::1", 1, key="k"))
    assert b"authorization: Bearer k" in lines
    assert b"host: [::1]:1" in lines
    assert not any(b"other" in line for line in lines)


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: keep-alive",
        b"Keep-Alive: timeout=5, max=100",
        b"Proxy-Authenticate: Basic",
        b"Trailer: X",
        b"X-Request-Id: of-the-replica",
        b"Access-Control-Allow-Origin: *",
        b"X-Llmstack-Replica: another",
        b"Set-Cookie: a=b",
        b"Server: llama.cpp",
        b"Location: http://elsewhere",
        b"Refresh: 0; url=http://elsewhere",
        b"WWW-Authenticate: Basic",
        b"Strict-Transport-Security: max-age=1",
        b"Clear-Site-Data: *",
        b"X-Accel-Redirect: /etc/passwd",
        b"X-Sendfile: /etc/passwd",
        b"Alt-Svc: h3",
        b"Content-Encoding: identity",
        b"Cache-Control: \xff",
    ],
)
def test_what_does_not_reach_a_client(line: bytes) -> None:
    assert to_client(b"Content-Length: 3", line) == to_client(b"Content-Length: 3")


@pytest.mark.parametrize(
    ("sent", "framing"),
    [
        ((b"Content-Length: 3",), b"content-length: 3"),
        ((b"Content-Length: 0",), b"content-length: 0"),
        ((b"Transfer-Encoding: chunked",), b"transfer-encoding: chunked"),
        ((), b"transfer-encoding: chunked"),
    ],
)
def test_the_frame_of_a_response(sent: tuple[bytes, ...], framing: bytes) -> None:
    assert to_client(*sent) == [b"HTTP/1.1 200 OK", framing, b"x-request-id: r1"]


def test_the_last_response_of_a_connection_says_so() -> None:
    assert to_client(b"Content-Length: 3", keep=False)[-1] == b"connection: close"


def test_what_reaches_a_client() -> None:
    passing = [b"content-type: text/event-stream", b"retry-after: 7", b"x-accel-buffering: no"]
    lines = to_client(b"Content-Length: 3", *passing, status=b"429 \x80 Enhance Your Calm")
    passing.insert(2, b"cache-control: no-cache")
    assert lines[:6] == [b"HTTP/1.1 429 Too Many Requests", *passing, b"content-length: 3"]


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 110 Odd\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 two OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 400 No\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nCache-Control: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"ICE/1.0 200 OK\r\n\r\n",
        b"\x00\x01\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_no_response(sent: bytes) -> None:
    with pytest.raises(Garbage):
        parse_response(sent)


@pytest.mark.parametrize(
    ("sent", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3", False),
        (b"HTTP/1.1 200 OK", False),
        (b"HTTP/1.1 200\r\nContent-Length: 3", True),
    ],
)
def test_whether_a_replicas_connection_may_serve_again(sent: bytes, reusable: bool) -> None:
    assert parse_response(sent + b"\r\n\r\n").keep_alive is reusable


def test_an_answer_of_our_own() -> None:
    head, _, body = answer(unauthorized(), OURS, keep=False).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 401 Unauthorized",
        b"WWW-Authenticate: Bearer",
        b"x-request-id: r1",
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]


def test_answers_without_a_body() -> None:
    assert answer(Answer(200, b"{}"), b"", keep=True, bodyless=True).endswith(
        b"content-length: 2\r\n\r\n"
    )
    assert answer(Answer(204, b""), b"", keep=True) == b"HTTP/1.1 204 No Content\r\n\r\n"
