"""Does an answer reach its client as the replica sent it?"""

from __future__ import annotations

from tests.integration.gateway.raw import (
    BODY,
    EVENTS,
    STREAM,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
)


@on_uvloop
async def test_a_plain_answer() -> None:
    async def script(turn: Turn) -> None:
        await turn.send(plain(b'{"usage": {"prompt_tokens": 3}}', head=b"X-Of-Replica: yes\r\n"))

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        answer = await front.ask(post())
        assert (answer.status, answer.body) == (200, b'{"usage": {"prompt_tokens": 3}}')
        assert answer.headers["x-of-replica"] == "yes"
        assert replica.turns[0].body == BODY
        outcome = await front.recorded()
        assert (outcome.status, outcome.code, outcome.text) == (200, "", answer.body)
        assert front.busy == 0


@on_uvloop
async def test_a_stream() -> None:
    events = [b'data: {"n": %d}\n\n' % n for n in range(500)] + [
        b": comment\n\n",
        b"data: [DONE]\n\n",
    ]

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS, *map(chunk, events), b"0\r\n\r\n")

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        for count in (1, 2, 3):
            await client.send(post(STREAM))
            answer = await client.answer()
            assert (answer.status, answer.body, answer.cut) == (200, b"".join(events), False)
            outcome = await front.recorded(count)
            assert outcome.stream
            assert outcome.text == answer.body[-4096:]
        assert replica.connections == 1
        assert front.busy == 0
