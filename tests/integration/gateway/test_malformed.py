"""What do clients get whose bytes are no request? The table of the unit tests, over sockets."""

from __future__ import annotations

import json

import pytest

from tests.integration.gateway.dying import WELL
from tests.integration.gateway.raw import Replica, gateway, on_uvloop, post
from tests.unit.gateway.http.malformed_cases import CASES, SMUGGLED, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("after", [b"", SMUGGLED], ids=["alone", "with another behind it"])
def test_one_answer_then_the_connection_ends(case: Case, after: bytes) -> None:
    @on_uvloop
    async def test() -> None:
        async with Replica.running(WELL) as replica, gateway(replica.port) as front:
            client = await front.client()
            await client.send(case.sent + after)
            answer = await client.answer()
            assert answer.status == case.status
            assert answer.headers["connection"] == "close"
            assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}
            assert await client.closed()
            assert not replica.turns
            assert (await front.recorded()).status == case.status

    test()


@on_uvloop
async def test_a_good_request_before_a_bad_one_is_served() -> None:
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post() + b"\x00 nonsense\r\n\r\n")
        assert (await client.answer()).body == b"well"
        assert (await client.answer()).status == 400
        assert await client.closed()
        assert len(replica.turns) == 1


@pytest.mark.parametrize(
    "body",
    [
        SMUGGLED,
        b'{"model": "smol"}' + SMUGGLED,
        b"0\r\n\r\n" + SMUGGLED,
    ],
)
@on_uvloop
async def test_a_request_inside_a_body_is_a_body(body: bytes) -> None:
    """It is no JSON; what matters is that neither side takes it for a request."""
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(body) + post())
        assert (await client.answer()).status == 400
        assert (await client.answer()).body == b"well"
        assert len(replica.turns) == 1


@on_uvloop
async def test_nothing_of_a_clients_framing_reaches_a_replica() -> None:
    sent = (
        b"POST http://gateway/v1/chat/completions?a=%0d%0aX:y HTTP/1.1\r\nHost: gateway\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close, X-Hop\r\nX-Hop: a\r\nTE: trailers\r\n"
        b"Trailer: X-Last\r\n\r\n11\r\n" + b'{"model": "smol"}' + b"\r\n0\r\nX-Last: b\r\n\r\n"
    )
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        answer = await front.ask(sent)
        assert answer.body == b"well"
        turn = replica.turns[0]
        assert turn.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
        assert turn.body == b'{"model": "smol"}'
        names = {line.split(b":")[0] for line in turn.head.strip().split(b"\r\n")[1:]}
        assert {name for name in names if not name.startswith(b"x-llmstack-")} == {
            b"host",
            b"content-length",
            b"x-request-id",
        }
