"""Several gateways before the same servers: processes of their own, on loopback."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
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
        listens: Mapping[str, str],
        models: Iterable[Mapping[str, Any]],
        config: dict[str, Any],
    ) -> None:
        self.names = list(listens)
        self._listens = listens
        self._folder = folder
        self._models = list(models)
        self._config = config
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
        **config: Any,
    ) -> AsyncIterator[Gateways]:
        """So many gateways that serve these models, or one for each name, with where it listens.

        `config`: further fields of their files.
        """
        listens = names or {(name := f"127.0.0.1:{port}"): name for port in free_ports(count)}
        it = cls(folder, listens, models, config)
        async with it._stack:
            for name in it.names:
                await it.start(name)
            yield it

    async def start(self, name: str) -> Gateway:
        """One more, by its name. A name may come again."""
        (self._folder / "peers-token").write_text(TOKEN)
        file = f"gateway-{next(self._runs)}.yaml"
        running = Gateway.running(
            self._folder, self._models, file=file, peers=self._peers(name), **self._config
        )
        self.running[name] = await self._stack.enter_async_context(running)
        return self.running[name]

    async def join(self) -> Gateway:
        """One more that was not there before: the others hear of it by their files."""
        (port,) = free_ports(1)
        name = f"127.0.0.1:{port}"
        self._listens = {**self._listens, name: name}
        self.names.append(name)
        self.rewrite(self._models, **self._config)
        return await self.start(name)

    def rewrite(self, models: Iterable[Mapping[str, Any]], **config: Any) -> None:
        """The files of all say something else from now on."""
        self._models, self._config = list(models), config
        for name, gateway in self.running.items():
            gateway.rewrite(self._models, peers=self._peers(name), **config)

    def _peers(self, name: str) -> dict[str, Any]:
        listen = self._listens[name]
        return {"listen": listen, "name": name, "members": self.names, "tokenFile": "peers-token"}

    @property
    def each(self) -> list[Gateway]:
        return list(self.running.values())

    async def owner(self, model: str, **fields: Any) -> str:
        """The name of the one that tells of a model, once one does and it has these fields."""
        found: list[str] = []

        async def told() -> bool:
            found.clear()
            for name, gateway in self.running.items():
                said = (await gateway.load()).get(model)
                if said is not None and fields.items() <= said.items():
                    found.append(name)
            return len(found) == 1

        await _until(told)
        return found[0]

    async def together(self, count: int) -> None:
        """Until all of them see so many."""

        async def seen() -> bool:
            members = [await each.metric("peers", state="member") for each in self.each]
            return members == [count] * len(members)

        await _until(seen)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends it to one."""
        os.kill(self.running[name].process.pid, number)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        gateway = self.running.pop(name)
        gateway.process.kill()
        await gateway.process.wait()


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - other processes have no event here
            await asyncio.sleep(0.05)


class Front:
    """One of several gateways, which owns no model of the test: clients reach it as any Gateway.

    What is told of models and in numbers is what all of them tell together.
    """

    def __init__(self, gateways: Gateways, name: str) -> None:
        self._gateways = gateways
        self._own = gateways.running[name]
        self.url, self.admin = self._own.url, self._own.admin
        self.address, self.session = self._own.address, self._own.session
        self.process = self._own.process

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [line for each in self._gateways.each for line in each.lines]

    @property
    def access(self) -> list[dict[str, Any]]:
        return self._own.access

    def rewrite(self, models: Iterable[Mapping[str, Any]], **config: Any) -> None:
        self._gateways.rewrite(models, **config)

    async def load(self) -> dict[str, Any]:
        """Each model as its owner tells."""
        pages = [await each.load() for each in self._gateways.each]
        return {model: told for page in pages for model, told in page.items()}

    async def loaded(self, model: str, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(30):
                while not (found and fields.items() <= found.items()):
                    await asyncio.sleep(0.01)
                    found = (await self.load()).get(model, {})
        except TimeoutError as late:
            said = "\n".join(str(line) for line in self.lines[-10:])
            raise AssertionError(f"{model} never had {fields} but {found}; log:\n{said}") from late
        return found

    async def metric(self, name: str, **labels: str) -> float:
        """Of keys, which each reads for itself, its own."""
        if name.startswith("key"):
            return await self._own.metric(name, **labels)
        return sum([await each.metric(name, **labels) for each in self._gateways.each])

    async def logged(self, **fields: Any) -> dict[str, Any]:
        return await self._own.logged(**fields)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens at."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
