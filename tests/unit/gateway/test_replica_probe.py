"""Does a small question get its own answer, over a connection that either side may close?

Against a server on the loopback that says what a test tells it to, on both kinds of event loop:
their transports differ.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from llmstack.gateway.replica_probe import Broken, NoConnection, Probe

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5, max=100\r\n\r\nok"
SECONDS = 30.0


class Server:
    """Answers each request by the next of `answers`; "" closes the connection, None is silence."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.requests: list[bytes] = []
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                self.came.put_nowait(self.requests[-1])
                answer = self.answers.pop(0) if self.answers else OK
                if answer == b"":
                    break
                if answer is not None:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def hang_up(self) -> None:
        """Closes the connections, as for being idle."""
        for writer in self.writers:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, Probe]]:
    made = Server()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    probe = Probe("127.0.0.1", made.port, SECONDS)
    try:
        yield made, probe
    finally:
        probe.close()
        server.close()


def on_both_loops(test: Callable[[], Awaitable[None]]) -> Callable[[str], None]:
    @pytest.mark.parametrize("loop", LOOPS)
    def run(loop: str) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(test())  # type: ignore[arg-type]

    functools.update_wrapper(run, test, assigned=("__name__", "__doc__"), updated=())
    del run.__wrapped__  # type: ignore[attr-defined]
    return run


@on_both_loops
async def test_questions_share_a_connection() -> None:
    async with serving() as (server, probe):
        for _ in range(3):
            assert (await probe.get("/slots", "k", SECONDS))[:2] == (200, b"ok")
        assert server.connections == 1
        head = f"GET /slots HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        assert server.requests[0].decode() == f"{head}Authorization: Bearer k\r\n\r\n"


@on_both_loops
async def test_without_a_key_none_is_sent() -> None:
    async with serving() as (server, probe):
        await probe.get("/health", "", SECONDS)
        assert b"Authorization" not in server.requests[0]


@on_both_loops
async def test_answers_in_pieces_and_of_any_status() -> None:
    async with serving() as (server, probe):
        server.answers = [
            b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ]
        assert (await probe.get("/", "", SECONDS))[:2] == (503, b"abcd")
        assert (await probe.get("/", "", SECONDS))[:2] == (401, b"")
        assert (await probe.get("/", "", SECONDS))[:2] == (200, b"ok")
        assert server.connections == 2


@on_both_loops
async def test_an_idle_connection_that_was_closed_is_made_anew() -> None:
    async with serving() as (server, probe):
        await probe.get("/", "", SECONDS)
        await server.hang_up()
        assert (await probe.get("/", "", SECONDS))[:2] == (200, b"ok")


@on_both_loops
async def test_one_that_closes_under_a_question_is_asked_once_more() -> None:
    async with serving() as (server, probe):
        await probe.get("/", "", SECONDS)
        server.answers = [b""]
        assert (await probe.get("/", "", SECONDS))[:2] == (200, b"ok")
        assert (server.connections, len(server.requests)) == (2, 3)


@on_both_loops
async def test_a_new_connection_that_breaks_is_broken() -> None:
    async with serving() as (server, probe):
        server.answers = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"\0\0\0\0"]
        with pytest.raises(Broken):
            await probe.get("/", "", SECONDS)
        task = asyncio.ensure_future(probe.get("/", "", SECONDS))
        for _ in range(2):
            await server.came.get()
        await server.hang_up()
        with pytest.raises(Broken):
            await task
        with pytest.raises(Broken, match="no HTTP"):
            await probe.get("/", "", SECONDS)
        assert (await probe.get("/", "", SECONDS))[:2] == (200, b"ok")


@on_both_loops
async def test_an_answer_without_end_is_broken() -> None:
    async with serving() as (server, probe):
        large = 9 * 1024 * 1024
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % large + b"x" * large]
        with pytest.raises(Broken, match="endless"):
            await probe.get("/", "", SECONDS)


@on_both_loops
async def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    async with serving() as (server, probe):
        server.answers = [None]
        with pytest.raises(TimeoutError):
            await probe.get("/first", "", 0.01)
        await server.came.get()
        server.writers[0].write(OK.replace(b"ok", b"no"))
        assert (await probe.get("/second", "", SECONDS))[:2] == (200, b"ok")
        assert server.connections == 2


@on_both_loops
async def test_where_nobody_listens_there_is_no_connection() -> None:
    async with serving() as (server, _):
        port = server.port
    with pytest.raises(NoConnection):
        await Probe("127.0.0.1", port, SECONDS).get("/", "", SECONDS)
