"""How does a real llama-server die at a marked prompt? Killed, by whoever passes its bytes on.

    async with Mortal.before(server) as mortal:
        mortal.url, mortal.alive

Bytes pass both ways as they come. The first connection whose client sends MARK ends the process
with SIGKILL; then all connections break, and nobody listens any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from .real import RealLlama

MARK = b"please die"
_PIECE = 65536


class Mortal:
    """In front of one server."""

    def __init__(self, server: RealLlama) -> None:
        self.server = server
        self.url = ""
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, server: RealLlama) -> AsyncIterator[Self]:
        made = cls(server)
        made._listener = await asyncio.start_server(made._serve, "127.0.0.1", 0)
        made.url = f"http://127.0.0.1:{made._listener.sockets[0].getsockname()[1]}"
        try:
            yield made
        finally:
            made._end()

    @property
    def alive(self) -> bool:
        return self._listener is not None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError):
            there, to = await asyncio.open_connection("127.0.0.1", self.server.port)
            self._writers.add(to)
            await asyncio.gather(self._pass(reader, to), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_PIECE):
                if MARK in data:
                    self.server.process.kill()
                    self._end()
                    return
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def _end(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
