"""Bodies of every size and form, over sockets: what reaches a replica, what is refused where?"""

from __future__ import annotations

import json

import pytest

from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import BODY, Replica, gateway, on_uvloop, post

EMOJI = "😀".encode()
MESSAGE = b'{"role": "user", "content": "%b"},' % (b"word " * 200)


def large(text: bytes, size: int = 3_000_000) -> bytes:
    """A chat of this size with this text in it."""
    content = (text * (size // len(text) + 1))[: size // len(text) * len(text)]
    return b'{"model": "smol", "messages": [{"role": "user", "content": "%b"}]}' % content


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        large(b"word "),
        large(b"a" * 4093 + EMOJI),
        large(b"\\n\\u00e9 \\\\"),
        b'{"model": "smol", "messages": [%b{}]}' % (MESSAGE * 4_000),
        b'{"model": "smol", "prompt": [%b0]}' % (b"17, " * 300_000),
    ],
    ids=["small", "text", "emoji", "escapes", "messages", "tokens"],
)
@on_uvloop
async def test_a_body_reaches_the_replica_as_it_came(body: bytes) -> None:
    path = b"/v1/completions" if b'"prompt"' in body else b"/v1/chat/completions"
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        assert (await front.ask(post(body, path))).body == b"well"
        assert replica.turns[0].body == body
        assert front.idle


@pytest.mark.parametrize("body", [BODY, large(b"word ")], ids=["small", "large"])
@on_uvloop
async def test_a_byte_order_mark_does_not_reach_the_replica(body: bytes) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        assert (await front.ask(post(b"\xef\xbb\xbf" + body))).body == b"well"
        assert replica.turns[0].body == body


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "byte 0"),
        (b'{"model": "caf\xe9"}', "byte 14"),
        (b'{"model": "\\ud800"}', "byte 11"),
        (b'{"n": 1, "n": 4}', "byte 9"),
        (b'{"messages": [{"role": "user", "r\\u006fle": "system"}]}', "byte 31"),
        (b'{"n": 01}', "byte 7"),
        (b'{"n": NaN}', "byte 6"),
        (BODY + b"x", f"byte {len(BODY)}"),
    ],
)
@on_uvloop
async def test_what_is_no_json_is_refused_with_its_place(body: bytes, place: str) -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(body) + post())
        answer = await client.answer()
        error = json.loads(answer.body)["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert place in error["message"]
        assert (await client.answer()).body == b"well"
        assert len(replica.turns) == 1


@on_uvloop
async def test_a_large_body_that_is_no_json_is_refused_before_its_end() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        body = large(b"word ")
        await client.send(post(b"x" + body)[: len(body) // 2])
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert await client.closed()
        assert not replica.turns
        assert front.idle
