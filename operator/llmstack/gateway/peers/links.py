"""Who keeps the connections between gateways?

This gateway dials every peer that it knows from its configuration, from the EndpointSlices, or
because the peer connected by itself; and it accepts the connections of peers. A connection that is
reset is dialled again at once: if the address refuses, the process is dead.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from llmstack.gateway.config_schema import Address, address_of
from llmstack.gateway.peers.channel import Channel
from llmstack.routing.peer_messages import Message
from llmstack.routing.view import Member

log = logging.getLogger(__name__)

_PATIENCE = 1.0
"""Seconds allowed for a connection and its handshake."""
_PAUSE = 0.25
"""Seconds between two attempts."""
_TRIES_UNLISTED = 8
"""Attempts at a peer that is neither listed nor connected; it may be dead."""
_MOST_STRANGERS = 64
"""Connections that may be unauthenticated at once."""


class Hears(Protocol):
    """Is told of events (shared_owner.py)."""

    def connected(self, peer: str) -> None: ...

    def disconnected(self, peer: str) -> None: ...

    def refused(self, peer: str) -> None: ...

    def came(self, member: Member) -> None: ...

    def left(self, peer: str) -> None: ...

    def asked(self, peer: str, message: Message) -> None: ...

    def answered(self, peer: str, message: Message) -> None: ...


class Links:
    """The connections to all peers; a Wire (around.py).

    `me()` returns what peers are told of this gateway. `fresh(peer)` is called for each new
    connection to a peer.
    """

    def __init__(self, me: Callable[[], Member]) -> None:
        self._me = me
        self._key = b""
        self.fresh: Callable[[str], None] = lambda _: None
        self._hears: Hears | None = None
        self._dialled: dict[str, asyncio.Task[None]] = {}
        self._listed: set[str] = set()
        self._out: dict[str, Channel] = {}
        self._in: dict[str, Channel] = {}
        self._strangers: set[Channel] = set()
        self._server: asyncio.Server | None = None

    def meet(self, key: bytes, hears: Hears) -> None:
        """Accepts those who have the key as peers from now on; nobody is one before."""
        if not key:
            raise ValueError("peers need a key")
        self._hears, self._key = hears, key

    async def listen(self, host: str | None, port: int) -> int:
        """Starts accepting connections. Returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def know(self, peers: Iterable[str]) -> None:
        """Takes the current list of peers. They are dialled until they are no longer listed."""
        self._listed = set(peers) - {self._me().name}
        for name in self._listed:
            self._dial(name)

    def listed(self) -> frozenset[str]:
        """Returns the peers that are listed."""
        return frozenset(self._listed)

    async def close(self) -> None:
        """Ends all connections, by which the others see at once that this process has ended."""
        tasks = list(self._dialled.values())
        for task in tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        for channel in (*self._out.values(), *self._in.values(), *self._strangers):
            channel.over = lambda: None
            channel.cut()
        if tasks:
            await asyncio.wait(tasks)

    # A Wire

    def send(self, peer: str, message: Message) -> None:
        """Sends over our connection to a peer; the message is lost if there is none."""
        channel = self._out.get(peer)
        if channel is not None:
            channel.send(message)

    def answer(self, peer: str, message: Message) -> None:
        """Sends over a peer's connection to us; the message is lost if there is none."""
        channel = self._in.get(peer)
        if channel is not None:
            channel.send(message)

    def cut(self, peer: str) -> None:
        """Ends both connections with a peer."""
        for channels in (self._out, self._in):
            channel = channels.pop(peer, None)
            if channel is not None:
                channel.over = lambda: None
                channel.cut()

    # Connections of peers

    def _accept(self) -> Channel:
        channel = Channel(self._me, self._key, False, self._came)
        if len(self._strangers) >= _MOST_STRANGERS:
            self._strangers.pop().cut()
        self._strangers.add(channel)
        channel.over = partial(self._strangers.discard, channel)
        asyncio.get_running_loop().call_later(_PATIENCE, self._impatient, channel)
        return channel

    def _impatient(self, channel: Channel) -> None:
        if channel in self._strangers:
            channel.cut()

    def _came(self, channel: Channel, member: Member) -> None:
        assert self._hears is not None
        self._strangers.discard(channel)
        if member.epoch == self._me().epoch:
            channel.cut()
            return
        before = self._in.get(member.name)
        if before is not None:
            before.over = lambda: None
            before.cut()
        self._in[member.name] = channel
        channel.over = partial(self._left, member.name, channel)
        channel.said = partial(self._hears.asked, member.name)
        self._hears.came(member)
        self._dial(member.name)

    def _left(self, name: str, channel: Channel) -> None:
        assert self._hears is not None
        if self._in.get(name) is channel:
            del self._in[name]
            self._hears.left(name)

    # Connections to peers

    def _dial(self, name: str) -> None:
        if name not in self._dialled and name != self._me().name:
            task = asyncio.create_task(self._keep(name, address_of(name)), name=f"peer {name}")
            self._dialled[name] = task
            task.add_done_callback(lambda _: self._dialled.pop(name, None))

    async def _keep(self, name: str, address: Address) -> None:
        assert self._hears is not None
        tries = 0
        while name in self._listed or name in self._in or tries < _TRIES_UNLISTED:
            tries += 1
            try:
                channel = await self._connect(name, address)
            except ConnectionRefusedError:
                self._hears.refused(name)
            except (OSError, TimeoutError) as error:
                log.debug("peer %s: %s", name, error or type(error).__name__)
            else:
                tries = 0
                self.fresh(name)
                self._hears.connected(name)
                await channel.closed
                if self._out.get(name) is channel:
                    del self._out[name]
                    self._hears.disconnected(name)
                await asyncio.sleep(0)
                continue
            await asyncio.sleep(_PAUSE)

    async def _connect(self, name: str, address: Address) -> Channel:
        assert self._hears is not None
        met = asyncio.Event()
        channel = Channel(self._me, self._key, True, lambda _, __: met.set())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_PATIENCE):
            await loop.create_connection(lambda: channel, address.host, address.port)
            meeting = asyncio.ensure_future(met.wait())
            try:
                await asyncio.wait([meeting, channel.closed], return_when="FIRST_COMPLETED")
            finally:
                meeting.cancel()
                if not met.is_set():
                    channel.cut()
        member = channel.member
        if member is None or member.epoch == self._me().epoch:
            channel.cut()
            raise OSError("it did not prove who it is")
        if member.name != name:
            log.warning("the peer at %s calls itself %s", name, member.name)
            channel.cut()
            raise OSError("it has another name")
        self._out[name] = channel
        channel.said = partial(self._hears.answered, name)
        return channel
