"""Is a client of HTTP/1.0 served? Stock nginx, HAProxy's checks, `ab` and old balancers are."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import (
    BODY,
    EVENTS,
    PATIENCE,
    STREAM,
    Front,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    post,
)

EVENT = b'data: {"choices": []}\n\n'


async def told(front: Front, request: bytes) -> tuple[bytes, bytes]:
    """The head in lower case, and all that comes until the gateway closes."""
    client = await front.client()
    await client.send(request)
    async with asyncio.timeout(PATIENCE):
        head, _, body = (await client.reader.read(-1)).partition(b"\r\n\r\n")
    client.writer.close()
    return head.lower(), body


def old(request: bytes, *, host: bool = True) -> bytes:
    """The same request as a client of HTTP/1.0 sends it."""
    request = request.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    return request if host else request.replace(b"Host: gateway\r\n", b"", 1)


@pytest.mark.parametrize("host", [True, False])
@on_uvloop
async def test_a_plain_answer_ends_with_its_connection(host: bool) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        head, body = await told(front, old(post(), host=host))
        assert head.startswith(b"http/1.1 200 ")
        assert b"\r\nconnection: close" in head
        assert body == b"well"
        assert b" HTTP/1.1\r\n" in replica.turns[0].head
        assert front.idle


@on_uvloop
async def test_a_stream_has_no_chunks() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await turn.send(chunk(EVENT)[:7])
        await turn.send(chunk(EVENT)[7:] + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        head, body = await told(front, old(post(STREAM)))
        assert b"transfer-encoding" not in head
        assert b"\r\nconnection: close" in head
        assert body == EVENT * 2 + b"data: [DONE]\n\n"


@on_uvloop
async def test_a_stream_that_breaks_off_ends_with_an_error_event() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        _, body = await told(front, old(post(STREAM)))
        assert body.startswith(EVENT + b"event: error\ndata: ")
        assert body.endswith(b"}\n\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"OPTIONS / HTTP/1.0\r\n\r\n", 204),
        (b"GET /health HTTP/1.0\r\n\r\n", 200),
        (b"HEAD / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
        (b"GET /v1/models HTTP/1.0\r\n\r\n", 200),
        (b"GET /nowhere HTTP/1.0\r\n\r\n", 404),
        (b"POST /v1/chat/completions HTTP/1.0\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
@on_uvloop
async def test_what_the_gateway_answers_itself(request_: bytes, status: int) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        head, _ = await told(front, request_)
        assert head.startswith(b"http/1.1 %d " % status)
        assert b"\r\nconnection: close" in head
        assert not replica.turns


@on_uvloop
async def test_an_expectation_is_not_for_them() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        request = old(post(head=b"Expect: 100-continue\r\n"))
        await client.send(request[: -len(BODY)])
        await client.send(BODY)
        answer = await client.reader.read(-1)
        assert answer.startswith(b"HTTP/1.1 200 ")


@on_uvloop
async def test_an_error_is_told_as_ever() -> None:
    async with gateway() as front:
        front.app.keys = None
        head, body = await told(front, old(post(b"{")))
        assert head.startswith(b"http/1.1 400 ")
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
