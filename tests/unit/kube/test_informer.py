"""Does an informer know what the API server told last, whatever happens to their connection?

Against a real HTTP server on the loopback that says what the API server would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from llmstack.kube.informer import Informer, Scope
from llmstack.kube.kinds import POD, SECRET
from llmstack.kube.session import open_watch_session
from tests.support.api import connection_to

Object = dict[str, Any]
PODS = Scope(POD)


def pod(name: str, version: int, **more: Any) -> Object:
    metadata = {"namespace": "n", "name": name, "resourceVersion": str(version), **more}
    return {"metadata": metadata}


def status(code: int, reason: str = "Expired") -> Object:
    return {"kind": "Status", "code": code, "reason": reason, "message": f"it is {reason}"}


class Server:
    """Lists what it is told to, and keeps the watch open that a test speaks through."""

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.pages: list[Object | int] = []
        self.refusals: list[int] = []
        self.watches: asyncio.Queue[web.StreamResponse] = asyncio.Queue()
        self.ended: dict[web.StreamResponse, asyncio.Event] = {}
        self.transports: dict[web.StreamResponse, asyncio.Transport | None] = {}
        self.url = ""

    def lists(self, *items: Object, version: str = "1", then: str = "") -> None:
        metadata = {"resourceVersion": version, "continue": then}
        self.pages.append({"metadata": metadata, "items": list(items)})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        self.paths.append(request.path)
        if request.query.get("watch") != "true":
            page = self.pages.pop(0)
            if isinstance(page, int):
                return web.json_response(status(page, "Broken"), status=page)
            return web.json_response(page)
        if self.refusals:
            code = self.refusals.pop(0)
            return web.json_response(status(code), status=code)
        stream = web.StreamResponse()
        await stream.prepare(request)
        self.ended[stream] = asyncio.Event()
        self.transports[stream] = request.transport
        self.watches.put_nowait(stream)
        await self.ended[stream].wait()
        return stream

    async def watch(self) -> web.StreamResponse:
        """The next watch that is opened."""
        return await asyncio.wait_for(self.watches.get(), 10)

    def abort(self, stream: web.StreamResponse) -> None:
        """The connection of the watch breaks."""
        transport = self.transports[stream]
        assert transport is not None
        transport.abort()

    def end(self, stream: web.StreamResponse) -> None:
        """The watch ends as it does after its time."""
        self.ended[stream].set()


async def say(stream: web.StreamResponse, *events: tuple[str, Object]) -> None:
    lines = (json.dumps({"type": kind, "object": body}) + "\n" for kind, body in events)
    await stream.write("".join(lines).encode())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    for ended in made.ended.values():
        ended.set()
    await runner.cleanup()


class Following:
    """An informer at work, and each state that it told of."""

    def __init__(self) -> None:
        self.informer: Informer
        self.told: asyncio.Queue[list[str]] = asyncio.Queue()

    def changed(self) -> None:
        self.told.put_nowait(self.names())

    def names(self) -> list[str]:
        return sorted(name for _, name in self.informer.objects)

    async def next(self) -> list[str]:
        return await asyncio.wait_for(self.told.get(), 10)


@asynccontextmanager
async def following(server: Server, scope: Scope = PODS) -> AsyncIterator[Following]:
    made = Following()
    async with open_watch_session(connection_to(server.url), "test", lambda _: None) as session:
        made.informer = Informer(session, server.url, scope, made.changed, chance=lambda: 0)
        task = asyncio.create_task(made.informer.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_it_lists_then_follows_each_change(server: Server) -> None:
    server.lists(pod("a", 1), pod("b", 2, managedFields=[{"long": "text"}]), version="7")
    async with following(server) as it:
        assert await it.next() == ["a", "b"]
        assert it.informer.synced
        assert "managedFields" not in it.informer.objects["n", "b"]["metadata"]
        watch = await server.watch()
        assert server.queries[1]["resourceVersion"] == "7"
        assert server.queries[1]["allowWatchBookmarks"] == "true"
        await say(watch, ("ADDED", pod("c", 8)))
        assert await it.next() == ["a", "b", "c"]
        await say(watch, ("DELETED", pod("a", 9)))
        assert await it.next() == ["b", "c"]
        await say(watch, ("MODIFIED", pod("b", 10, labels={"x": "y"})))
        assert await it.next() == ["b", "c"]
        assert it.informer.objects["n", "b"]["metadata"]["labels"] == {"x": "y"}


async def test_what_arrives_together_is_told_once(server: Server) -> None:
    server.lists()
    async with following(server) as it:
        assert await it.next() == []
        await say(await server.watch(), *(("ADDED", pod(f"p{n}", n)) for n in range(10, 60)))
        assert len(await it.next()) == 50
        assert it.told.empty()


async def test_a_long_list_comes_in_pages_and_counts_as_a_whole(server: Server) -> None:
    server.lists(pod("a", 1), then="more")
    server.lists(pod("b", 2), version="5")
    async with following(server, Scope(POD, "n", labels="x=y")) as it:
        assert await it.next() == ["a", "b"]
        await server.watch()
    assert server.paths == ["/api/v1/namespaces/n/pods"] * 3
    assert [query.get("continue") for query in server.queries[:2]] == [None, "more"]
    assert {query["labelSelector"] for query in server.queries} == {"x=y"}
    assert server.queries[2]["resourceVersion"] == "5"


async def test_one_object_is_watched_by_its_name(server: Server) -> None:
    server.lists(pod("keys", 1))
    async with following(server, Scope(SECRET, "n", fields="metadata.name=keys")) as it:
        assert await it.next() == ["keys"]
        await server.watch()
    assert {query["fieldSelector"] for query in server.queries} == {"metadata.name=keys"}


async def test_an_object_may_be_longer_than_a_buffer(server: Server) -> None:
    server.lists()
    async with following(server) as it:
        await it.next()
        watch = await server.watch()
        long = "x" * 3_000_000
        await say(watch, ("ADDED", pod("a", 2, annotations={"long": long})), ("ADDED", pod("b", 3)))
        while it.names() != ["a", "b"]:
            await it.next()
        assert it.informer.objects["n", "a"]["metadata"]["annotations"]["long"] == long


async def test_a_watch_that_ends_goes_on_where_it_was(server: Server) -> None:
    server.lists(pod("a", 1))
    async with following(server) as it:
        await it.next()
        first = await server.watch()
        await say(
            first, ("ADDED", pod("b", 5)), ("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
        )
        await it.next()
        server.end(first)
        await say(await server.watch(), ("ADDED", pod("c", 10)))
        assert await it.next() == ["a", "b", "c"]
    assert [query.get("resourceVersion") for query in server.queries] == [None, "1", "9"]


@pytest.mark.parametrize("how", ["by an event", "by its status"])
async def test_a_version_that_is_too_old_is_listed_anew(server: Server, how: str) -> None:
    server.lists(pod("a", 1), pod("b", 1))
    server.lists(pod("b", 3), pod("c", 4), version="20")
    async with following(server) as it:
        assert await it.next() == ["a", "b"]
        first = await server.watch()
        if how == "by an event":
            await say(first, ("ERROR", status(410)))
        else:
            server.refusals.append(410)
            server.end(first)
        assert await it.next() == ["b", "c"]
        await server.watch()
    assert server.queries[-1]["resourceVersion"] == "20"


async def test_a_list_that_says_the_same_is_no_change(server: Server) -> None:
    server.lists(pod("a", 1))
    server.lists(pod("a", 1), version="20")
    async with following(server) as it:
        await it.next()
        await say(await server.watch(), ("ERROR", status(410)))
        await say(await server.watch(), ("ADDED", pod("b", 21)))
        assert await it.next() == ["a", "b"]


async def test_what_is_known_stays_while_nobody_answers(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.lists(pod("a", 1))
    async with following(server) as it:
        await it.next()
        first = await server.watch()
        await say(first, ("ADDED", pod("b", 2)))
        await it.next()
        server.refusals += [503, 503, 500]
        server.abort(first)
        watch = await server.watch()
        assert it.names() == ["a", "b"]
        await say(watch, ("ADDED", pod("c", 3)))
        assert await it.next() == ["a", "b", "c"]
    assert [query.get("resourceVersion") for query in server.queries[1:]] == ["1"] + ["2"] * 4
    assert "watching pods again" in caplog.text


async def test_a_page_that_breaks_leaves_what_was_known(server: Server) -> None:
    server.lists(pod("a", 1))
    server.lists(pod("b", 2), then="more")
    server.pages.append(410)
    server.lists(pod("c", 3), version="30")
    async with following(server) as it:
        assert await it.next() == ["a"]
        await say(await server.watch(), ("ERROR", status(410)))
        assert await it.next() == ["c"]


async def test_until_the_first_list_is_there_nothing_is_known(server: Server) -> None:
    server.pages += [403, 500]
    server.lists()
    async with following(server) as it:
        assert not it.informer.synced
        assert await it.next() == []
        assert it.informer.synced
