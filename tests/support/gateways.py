"""Several gateways before the same servers: processes of their own, on loopback."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway

TOKEN = "token-of-all-gateways"


class Gateways:
    """They, by their names among each other; those that were killed are there no more."""

    def __init__(
        self,
        folder: Path,
        names: list[str],
        models: Iterable[Mapping[str, Any]],
        listens: Mapping[str, str],
    ) -> None:
        self.names = names
        self._listens = listens
        self._folder = folder
        self._models = list(models)
        self._stack = AsyncExitStack()
        self._runs = itertools.count()
        self.running: dict[str, Gateway] = {}

    @classmethod
    @asynccontextmanager
    async def before(
        cls,
        folder: Path,
        models: Iterable[Mapping[str, Any]],
        count: int = 3,
        names: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Gateways]:
        """So many gateways that serve these models, or one for each name, with where it listens."""
        listens = names or {(name := f"127.0.0.1:{port}"): name for port in free_ports(count)}
        it = cls(folder, list(listens), models, listens)
        async with it._stack:
            for name in it.names:
                await it.start(name)
            yield it

    async def start(self, name: str) -> Gateway:
        """One more, by its name. A name may come again."""
        folder = self._folder / f"gateway-{next(self._runs)}"
        folder.mkdir()
        (folder / "token").write_text(TOKEN)
        listen = self._listens[name]
        peers = {"listen": listen, "name": name, "members": self.names, "tokenFile": "token"}
        running = Gateway.running(folder, self._models, peers=peers)
        self.running[name] = await self._stack.enter_async_context(running)
        return self.running[name]

    @property
    def each(self) -> list[Gateway]:
        return list(self.running.values())

    async def owner(self, model: str, **fields: Any) -> str:
        """The name of the one that tells of a model, once one does and it has these fields."""
        from tests.integration.gateway.serving import until_it  # noqa: PLC0415

        found: list[str] = []

        async def told() -> bool:
            found.clear()
            for name, gateway in self.running.items():
                said = (await gateway.load()).get(model)
                if said is not None and fields.items() <= said.items():
                    found.append(name)
            return len(found) == 1

        await until_it(told)
        return found[0]

    async def together(self, count: int) -> None:
        """Until all of them see so many."""
        from tests.integration.gateway.serving import until_it  # noqa: PLC0415

        async def seen() -> bool:
            members = [await each.metric("peers", state="member") for each in self.each]
            return members == [count] * len(members)

        await until_it(seen)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends it to one."""
        os.kill(self.running[name].process.pid, number)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        gateway = self.running.pop(name)
        gateway.process.kill()
        await gateway.process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens at."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
