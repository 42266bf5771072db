"""How does the host reach what runs in a node that has no interface on the host?

A socket stays in the network namespace in which it was made. So the host makes the listening
socket (`127.0.0.1:PORT`) and hands it to the node, which accepts on it and connects on from its
own namespace:

    curl ──> 127.0.0.1:PORT (host) ═ accepted in the node ──> Service or pod (node)

Where to connect is looked up anew for each connection, so a forward outlives every pod. While the
API server is away the last answer serves.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx

Address = tuple[str, int]
CHUNK = 64 * 1024


class NoTarget(Exception):
    """The Service does not exist, has no such port or no ready pod."""


class Forwarder:
    """Forwards any number of listening sockets, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def add(self, listener: socket.socket, target: Callable[[], Address]) -> None:
        """Connects whoever connects to `listener` to `target()`, from now on."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                try:
                    host, port = await asyncio.to_thread(target)
                    inner_reader, inner_writer = await asyncio.open_connection(host, port)
                except (OSError, NoTarget) as error:
                    print(f"forward: {error}", flush=True)
                    return
                with closing(inner_writer):
                    await asyncio.gather(_relay(reader, inner_writer), _relay(inner_reader, writer))

        listener.setblocking(False)
        started = asyncio.start_server(connected, sock=listener)
        asyncio.run_coroutine_threadsafe(started, self._loop).result()


class ServiceTarget:
    """The address behind a Service's port: its cluster IP, or a ready pod where it has none."""

    def __init__(self, client: httpx.Client, namespace: str, service: str, port: int) -> None:
        self._client = client
        self._base = f"/api/v1/namespaces/{namespace}/services/{service}"
        self._slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._service, self._port = service, port
        self._last: Address | None = None

    def __call__(self) -> Address:
        try:
            self._last = self._look_up()
        except httpx.TransportError:
            if self._last is None:
                raise NoTarget("the API server is away") from None
        return self._last

    def _look_up(self) -> Address:
        answer = self._client.get(self._base)
        if answer.status_code != httpx.codes.OK:
            raise NoTarget(f"{self._base}: {answer.status_code}")
        spec = answer.json()["spec"]
        if spec.get("clusterIP") not in (None, "None"):
            return spec["clusterIP"], self._port
        labels = {"labelSelector": f"kubernetes.io/service-name={self._service}"}
        slices = self._client.get(self._slices, params=labels).raise_for_status().json()["items"]
        return random.choice(ready_addresses(spec, slices, self._port))


def ready_addresses(spec: dict[str, Any], slices: list[dict[str, Any]], port: int) -> list[Address]:
    """Which pods serve `port` of the headless Service, and on which port of theirs?"""
    names = {named.get("name", "") for named in spec["ports"] if named["port"] == port}
    found = [
        (address, target["port"])
        for part in slices
        for target in part.get("ports") or []
        if (target.get("name") or "") in names
        for endpoint in part.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready", True)
        for address in endpoint["addresses"]
    ]
    if not found:
        raise NoTarget(f"no ready pod serves port {port}")
    return found


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Either side may end first: that is passed on, the other direction goes on.
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        # A reset, not an end: the other direction can have no use any more.
        writer.transport.abort()
