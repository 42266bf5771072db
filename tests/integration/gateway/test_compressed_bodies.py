"""Is a compressed body read, and what does a bomb get?"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import (
    BODY,
    QUICK,
    Replica,
    chunk,
    gateway,
    on_uvloop,
    post,
)

LARGE = BODY.replace(b"hi", b"a word and " * 200_000)


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
@on_uvloop
async def test_the_replica_gets_what_was_compressed(
    coding: str, packed: Callable[[bytes], bytes], body: bytes
) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        head = b"Content-Encoding: %b\r\nContent-Type: application/json\r\n" % coding.encode()
        client = await front.client()
        await client.send(post(packed(body), head=head) + post())
        assert (await client.answer()).body == b"well"
        assert replica.turns[0].body == body
        assert b"content-encoding" not in replica.turns[0].head.lower()
        assert (await client.answer()).body == b"well"
        client.writer.close()
        assert (await front.recorded(2)).status == 200
        assert front.idle


@on_uvloop
async def test_it_may_come_in_chunks() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        sent = gzip.compress(LARGE)
        pieces = [sent[start : start + 999] for start in range(0, len(sent), 999)]
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Encoding: gzip\r\n"
        client = await front.client()
        await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            await client.send(chunk(piece))
        await client.send(b"0\r\n\r\n")
        assert (await client.answer()).body == b"well"
        assert replica.turns[0].body == LARGE


@pytest.mark.parametrize(
    ("coding", "body", "status", "code"),
    [
        (b"gzip", gzip.compress(b'{"a": "' + b"a" * (64 << 20), mtime=0), 413, "body_too_large"),
        (b"gzip", BODY, 400, "malformed_request"),
        (b"gzip", gzip.compress(b"no json", mtime=0), 400, "invalid_request"),
        (b"br", BODY, 415, "unsupported_encoding"),
        (b"gzip, gzip", BODY, 415, "unsupported_encoding"),
    ],
)
@on_uvloop
async def test_what_is_not_served_is_said(
    coding: bytes, body: bytes, status: int, code: str
) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        answer = await front.ask(post(body, head=b"Content-Encoding: %b\r\n" % coding))
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, code)
        if status == 415:
            assert answer.headers["accept-encoding"] == "gzip, deflate"
        assert not replica.turns
        assert front.server.held <= 2 * QUICK.body
