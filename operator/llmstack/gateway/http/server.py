"""Who is connected, and for how long?"""

import asyncio

from llmstack.gateway.http.connection import ClientConnection
from llmstack.gateway.http.handler import Handler
from llmstack.gateway.http.holdings import Holdings
from llmstack.gateway.http.lobby import Lobby
from llmstack.gateway.http.sockets import probe
from llmstack.gateway.http.turns import Turns
from llmstack.settings.limits import Limits

_BACKLOG = 4096


class Server:
    """Accepts clients, enforces their time limits, and drains them at the end."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler = handler
        self.limits = limits
        self.draining = False
        self.holdings = Holdings(limits.bodies, limits.connections)
        self.lobby = Lobby(limits.heads)
        self.turns = Turns()
        self.connections: set[ClientConnection] = set()
        self._empty = asyncio.Event()
        self._listeners: list[asyncio.Server] = []
        self._ticking: asyncio.TimerHandle | None = None

    def takes_form(self, path: str) -> bool:
        """True if what is sent to this path is a form."""
        return self.handler.takes_form(path)

    @property
    def held(self) -> int:
        """Approximate bytes of memory taken by what clients have sent."""
        return self.holdings.held

    async def listen(self, host: str | None, port: int) -> int:
        """Starts accepting. Returns the port, which differs from `port` if that is 0."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: ClientConnection(self, loop), host, port, backlog=_BACKLOG
        )
        self._listeners.append(listener)
        for sock in listener.sockets:
            probe(sock)
        if self._ticking is None:
            self._ticking = loop.call_later(self.limits.tick, self._tick)
        return int(listener.sockets[0].getsockname()[1])

    def retire(self) -> None:
        """Makes each response the last on its connection, so that clients move elsewhere."""
        self.draining = True

    async def drain(self, seconds: float) -> int:
        """Stops accepting and waits for running requests. Returns how many had to be aborted."""
        self.retire()
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.drain()
        try:
            async with asyncio.timeout(seconds):
                while self.connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            pass
        unfinished = list(self.connections)
        for connection in unfinished:
            connection.abort("stopping")
        if self._ticking is not None:
            self._ticking.cancel()
        return len(unfinished)

    def left(self, connection: ClientConnection) -> None:
        """Removes a connection that has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.handler.tick(now)
        for connection in list(self.connections):
            connection.tick(now)
        self._ticking = loop.call_later(self.limits.tick, self._tick)
