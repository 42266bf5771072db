"""Does a call have a deadline, a typed error, and a fence in front of each write?

Against a real HTTP server on the loopback.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from llmstack.errors import LeaseLost
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import TIMEOUT, UNREACHABLE, ApiError
from llmstack.kube.kinds import DEPLOYMENT, LEASE, POD, SERVICE
from llmstack.kube.pace import Bucket
from llmstack.kube.session import open_watch_session
from llmstack.kube.transport import Transport
from tests.support.api import connection_to
from tests.support.proxy import RefusingProxy
from tests.support.waiting import until

SERVICE_BODY = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "n"}}
LEASE_BODY = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "a", "namespace": "n"},
}


class Server:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.raw_headers: list[list[tuple[str, str]]] = []
        self.answers: list[tuple[int, str]] = []
        self.retry_after = ""
        self.redirect = ""
        self.silent = asyncio.Event()
        self.hangs = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        self.raw_headers.append(list(request.headers.items()))
        self.bodies.append(await request.text())
        if self.redirect:
            there, self.redirect = self.redirect, ""
            raise web.HTTPTemporaryRedirect(there + request.path_qs)
        if self.hangs:
            await self.silent.wait()
        status, text = self.answers.pop(0) if self.answers else (200, "{}")
        told = {"Retry-After": self.retry_after} if status >= 429 and self.retry_after else {}
        return web.Response(status=status, text=text, headers=told)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    made.silent.set()
    await runner.cleanup()


class Fence:
    """Open for so many checks."""

    def __init__(self, checks: int = 1000) -> None:
        self.checks = checks

    def __call__(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise LeaseLost("closed")


def no_one(*_: object) -> None:
    return None


@pytest.fixture
async def transport(server: Server) -> AsyncIterator[Transport]:
    made = Transport(connection_to(server.url, token="t"), "test (me)", 5, Fence(), no_one)
    yield made
    await made.close()


async def fenced(server: Server, checks: int) -> tuple[KubeClient, Transport]:
    made = Transport(connection_to(server.url), "test (me)", 5, Fence(checks), no_one)
    return KubeClient(made), made


@pytest.mark.parametrize("bypass", ["", "10.0.0.0/8,*.corp.example"])
async def test_the_operators_own_calls_use_no_proxy(
    server: Server, transport: Transport, monkeypatch: pytest.MonkeyPatch, bypass: str
) -> None:
    """Its environment has the proxy of the init containers, which it hands on."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", bypass)
    await KubeClient(transport).get(SERVICE, "n", "a")
    assert server.asked == ["GET /api/v1/namespaces/n/services/a"]


async def test_a_proxy_of_the_connection_is_used_and_its_password_not_shown() -> None:
    connection = connection_to("http://api.test/prefix")
    with RefusingProxy(503) as proxy:
        connection.configuration.proxy = f"http://user:hf_secret@{proxy.place}"
        transport = Transport(connection, "t", 5, Fence(), no_one)
        with pytest.raises(ApiError) as caught:
            await KubeClient(transport).get(SERVICE, "n", "a")
        await transport.close()
        async with open_watch_session(connection, "w", no_one) as session:
            assert (await session.get("http://api.test/prefix/api/v1/pods")).status == 503
        assert proxy.seen == [
            "http://api.test/prefix/api/v1/namespaces/n/services/a",
            "http://api.test/prefix/api/v1/pods",
        ]
    assert "hf_secret" not in str(caught.value)


async def test_a_proxy_that_refuses_the_tunnel_is_told_without_its_password() -> None:
    connection = connection_to("https://api.test")
    with RefusingProxy(407) as proxy:
        connection.configuration.proxy = f"http://user:hf_secret@{proxy.place}"
        transport = Transport(connection, "t", 5, Fence(), no_one)
        with pytest.raises(ApiError, match="407") as caught:
            await KubeClient(transport).get(SERVICE, "n", "a")
        await transport.close()
    assert "hf_secret" not in str(caught.value)


async def test_no_token_follows_a_redirect_to_another_host(
    server: Server, transport: Transport
) -> None:
    server.redirect = server.url.replace("127.0.0.1", "localhost")
    await KubeClient(transport).get(SERVICE, "n", "a")
    assert [headers.get("Authorization") for headers in server.headers] == ["Bearer t", None]


async def test_every_request_acts_as_whom_the_kubeconfig_names(server: Server) -> None:
    groups = (("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    connection = replace(connection_to(server.url), headers=(("Impersonate-User", "jane"), *groups))
    transport = Transport(connection, "t", 5, Fence(), no_one)
    await KubeClient(transport).get(SERVICE, "n", "a")
    await transport.close()
    async with open_watch_session(connection, "w", no_one) as session:
        await session.get(f"{server.url}/api/v1/pods")
    for headers in server.raw_headers:
        assert [value for name, value in headers if name.startswith("Impersonate-")] == [
            "jane",
            "a",
            "b",
        ]
    assert len(server.raw_headers) == 2


async def test_a_closed_fence_lets_reads_pass_and_no_write(server: Server) -> None:
    client, transport = await fenced(server, checks=0)
    await client.get(SERVICE, "n", "a")
    with pytest.raises(LeaseLost):
        await client.apply(SERVICE_BODY, "m")
    await transport.close()
    assert server.asked == ["GET /api/v1/namespaces/n/services/a"]


@pytest.mark.parametrize("reused", [False, True], ids=["new connection", "reused connection"])
async def test_a_fence_that_closes_while_the_connection_is_made_stops_the_write(
    server: Server, reused: bool
) -> None:
    client, transport = await fenced(server, checks=1)
    if reused:
        await client.get(SERVICE, "n", "a")
    with pytest.raises(LeaseLost):
        await client.apply(SERVICE_BODY, "m")
    await transport.close()
    assert not [request for request in server.asked if not request.startswith("GET")]


async def test_a_call_that_is_put_off_is_sent_again_and_others_wait_with_it(
    server: Server,
) -> None:
    server.answers, server.retry_after = [(429, "later"), (200, "{}")], "1"
    transport = paced(server, Bucket(1000, 1000))
    client = KubeClient(transport)
    first = asyncio.create_task(client.apply(SERVICE_BODY, "m"))
    await until(lambda: len(server.asked) == 1, seconds=30)
    await asyncio.gather(first, client.get(SERVICE, "n", "a"))
    await transport.close()
    assert [asked.split()[0] for asked in server.asked] in (
        ["PATCH", "PATCH", "GET"],
        ["PATCH", "GET", "PATCH"],
    )
    assert transport.throttled_seconds >= 1


async def test_a_fence_that_closes_while_a_call_waits_stops_it(server: Server) -> None:
    server.answers, server.retry_after = [(429, "later")], "1"
    transport = paced(server, Bucket(1000, 1000), Fence(checks=2))
    with pytest.raises(LeaseLost):
        await KubeClient(transport).apply(SERVICE_BODY, "m")
    await transport.close()
    assert len(server.asked) == 1


async def test_a_call_is_not_put_off_beyond_its_deadline(server: Server) -> None:
    server.answers, server.retry_after = [(429, "later")], "60"
    transport = paced(server, Bucket(1000, 1000))
    with pytest.raises(ApiError) as caught:
        await KubeClient(transport).get(SERVICE, "n", "a")
    assert (caught.value.status, caught.value.retry_after) == (429, 60)
    with pytest.raises(ApiError, match="wait for their turn"):
        await KubeClient(transport).get(SERVICE, "n", "a")
    await transport.close()
    assert len(server.asked) == 1


async def test_the_lease_is_never_held_back(server: Server) -> None:
    bucket = Bucket(0.001, 1)
    bucket.reserve(time.monotonic(), 1)
    bucket.hold(time.monotonic() + 1000)
    transport = paced(server, bucket)
    client = KubeClient(transport)
    await client.replace(LEASE_BODY)
    server.answers, server.retry_after = [(429, "later")], "60"
    with pytest.raises(ApiError, match="429"):
        await client.replace(LEASE_BODY)
    await client.replace(LEASE_BODY)
    await transport.close()
    assert (len(server.asked), transport.throttled_seconds) == (3, 0)


async def test_a_call_that_is_given_up_gives_its_turn_back(server: Server) -> None:
    bucket = Bucket(0.5, 1)
    transport = paced(server, bucket)
    client = KubeClient(transport)
    await client.get(SERVICE, "n", "a")
    for _ in range(5):
        waiting = asyncio.create_task(client.get(SERVICE, "n", "a"))
        await until(lambda: transport.throttled_seconds > 0, seconds=30)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        transport.throttled_seconds = 0.0
    await client.get(SERVICE, "n", "a")
    await transport.close()
    assert len(server.asked) == 2


def paced(server: Server, bucket: Bucket, fence: Fence | None = None) -> Transport:
    return Transport(connection_to(server.url), "t", 10, fence or Fence(), no_one, bucket)


async def test_the_lease_itself_is_written_with_the_fence_closed(server: Server) -> None:
    client, transport = await fenced(server, checks=0)
    await client.replace(LEASE_BODY)
    await transport.close()
    assert server.asked == [f"PUT {LEASE.path('n', 'a')}"]


async def test_every_call_says_who_it_is(server: Server, transport: Transport) -> None:
    await KubeClient(transport).get(SERVICE, "n", "a")
    assert server.headers[0]["User-Agent"] == "test (me)"
    assert server.headers[0]["Authorization"] == "Bearer t"


async def test_a_missing_object_is_none_and_other_refusals_are_errors(
    server: Server, transport: Transport
) -> None:
    client = KubeClient(transport)
    server.answers = [(404, ""), (403, json.dumps({"kind": "Status", "reason": "Forbidden"}))]
    assert await client.get(SERVICE, "n", "a") is None
    with pytest.raises(ApiError) as caught:
        await client.get(SERVICE, "n", "a")
    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")


async def test_a_server_that_is_silent_is_given_up(server: Server) -> None:
    server.hangs = True
    seen: list[tuple[str, str, int]] = []
    transport = Transport(
        connection_to(server.url), "t", 0.1, Fence(), lambda m, r, s, _: seen.append((m, r, s))
    )
    with pytest.raises(ApiError) as caught:
        await KubeClient(transport).get(SERVICE, "n", "a")
    await transport.close()
    assert (caught.value.status, caught.value.reason) == (0, TIMEOUT)
    assert seen == [("GET", "services", 0)]


async def test_no_server_at_all() -> None:
    transport = Transport(connection_to("http://127.0.0.1:1"), "t", 5, Fence(), no_one)
    with pytest.raises(ApiError) as caught:
        await KubeClient(transport).get(SERVICE, "n", "a")
    await transport.close()
    assert (caught.value.status, caught.value.reason) == (0, UNREACHABLE)


async def test_a_list_is_read_page_by_page_and_its_items_say_what_they_are(
    server: Server, transport: Transport
) -> None:
    pages = [
        {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]},
        {"metadata": {}, "items": [{"metadata": {"name": "b"}}]},
    ]
    server.answers = [(200, json.dumps(page)) for page in pages]
    items = await KubeClient(transport).list(POD, "n", labels="x=y")
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == [
        ("Pod", "a"),
        ("Pod", "b"),
    ]
    assert server.asked == [
        "GET /api/v1/namespaces/n/pods?limit=500&labelSelector=x%3Dy",
        "GET /api/v1/namespaces/n/pods?limit=500&labelSelector=x%3Dy&continue=more",
    ]


async def test_how_each_write_looks(server: Server, transport: Transport) -> None:
    client = KubeClient(transport)
    await client.apply(SERVICE_BODY, "m")
    await client.apply(SERVICE_BODY, "m", force=False)
    await client.apply(SERVICE_BODY, "m", subresource="status")
    await client.overwrite(SERVICE_BODY, "m", "7")
    await client.scale("n", "a", 3, "7", "m")
    await client.delete(DEPLOYMENT, "n", "a", "uid-1")
    path, strict = "/api/v1/namespaces/n/services/a", "fieldManager=m&fieldValidation=Strict"
    deployment = "/apis/apps/v1/namespaces/n/deployments/a"
    assert server.asked == [
        f"PATCH {path}?{strict}&force=true",
        f"PATCH {path}?{strict}",
        f"PATCH {path}/status?{strict}&force=true",
        f"PATCH {path}?{strict}",
        f"PUT {deployment}/scale?fieldManager=m",
        f"DELETE {deployment}",
    ]
    bodies = [json.loads(body) for body in server.bodies]
    assert bodies[3]["metadata"]["resourceVersion"] == "7"
    assert bodies[4]["metadata"]["resourceVersion"] == "7"
    assert bodies[4]["spec"] == {"replicas": 3}
    assert bodies[5]["preconditions"] == {"uid": "uid-1"}


@pytest.mark.parametrize("status", [404, 409], ids=["gone", "another of its name"])
async def test_deleting_what_is_not_there_any_more_is_no_error(
    server: Server, transport: Transport, status: int
) -> None:
    server.answers = [(status, "")]
    await KubeClient(transport).delete(DEPLOYMENT, "n", "a", "uid-1")


async def test_a_container_without_a_log_has_an_empty_one(
    server: Server, transport: Transport
) -> None:
    server.answers = [
        (400, "container is waiting to start"),
        (504, "the node does not answer"),
        (200, "a\nb\n"),
    ]
    client = KubeClient(transport)
    assert await client.log_tail("n", "p", "c", lines=2) == ""
    assert await client.log_tail("n", "p", "c", lines=2) == ""
    assert await client.log_tail("n", "p", "c", lines=2, previous=True) == "a\nb\n"
    assert server.asked[2].endswith("/log?container=c&tailLines=2&limitBytes=262144&previous=true")


async def test_the_session_for_watches_refuses_to_write_and_tells_of_each_watch(
    server: Server,
) -> None:
    began: list[str] = []
    async with open_watch_session(connection_to(server.url), "w", began.append) as session:
        async with session.get(f"{server.url}/api/v1/pods", params={"watch": "true"}):
            pass
        async with session.get(f"{server.url}/api/v1/pods"):
            pass
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            with pytest.raises(RuntimeError, match="may not send"):
                await session.request(method, f"{server.url}/api/v1/pods")
    assert began == ["/api/v1/pods"]
    assert len(server.asked) == 2
