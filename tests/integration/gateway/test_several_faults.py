"""Are several gateways exact again after a partition, and exact before the real llama-server?"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.gateway.serving import described
from tests.integration.gateway.test_several import BRISK, Together, flood
from tests.support.gateways import Gateways, free_ports
from tests.support.llama.fake import FakeLlama
from tests.support.llama.real import RealLlama


class Wire:
    """Carries connections of its peers to a gateway until it is cut: then it carries nothing.

    What is under way is lost without a word, and new connections wait, as in a network that is cut.
    """

    def __init__(self) -> None:
        self.name, (port,) = "", free_ports(1)
        self.leads_to = f"127.0.0.1:{port}"
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def laid(cls) -> AsyncIterator[Wire]:
        wire = cls()
        server = await asyncio.start_server(wire._carry, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        wire.name = f"{host}:{port}"
        try:
            yield wire
        finally:
            server.close()
            for writer in wire._writers:
                writer.transport.abort()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        host, _, port = self.leads_to.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            writer.write(data)
        writer.transport.abort()


async def test_over_dispatch_in_a_partition_is_counted_and_ends_when_it_heals(
    tmp_path: Path,
) -> None:
    async with (
        FakeLlama.running(BRISK) as llama,
        Wire.laid() as one,
        Wire.laid() as other,
        Gateways.before(
            tmp_path,
            [described(llama)],
            names={one.name: one.leads_to, other.name: other.leads_to},
        ) as gateways,
    ):
        await gateways.together(2)
        it = Together(gateways, [llama])
        await it.idle()
        one.cut()
        other.cut()
        await gateways.together(1)
        missing = [await each.metric("peers", state="missing") for each in gateways.each]
        assert missing == [1, 1], "the partition shows"
        during = await flood(it, lambda: gateways.each, 100, max_tokens=5)
        assert {status for status, _ in during} == {200}, "each side serves"
        one.mend()
        other.mend()
        await gateways.together(2)
        await it.idle()
        before = it.deferrals
        after = await flood(it, lambda: gateways.each, 100, max_tokens=5)
        assert {status for status, _ in after} == {200}
        assert it.deferrals == before
        await it.idle()


async def test_the_real_server_is_never_overbooked(
    tmp_path: Path, real_generator: RealLlama
) -> None:
    (tmp_path / "key").write_text(real_generator.key)
    backend = {"url": real_generator.url, "apiKeyFile": str(tmp_path / "key")}
    models = [{"name": "qwen", "mode": "generate", "backends": [backend]}]
    async with Gateways.before(tmp_path, models) as gateways:
        await gateways.together(3)
        it = Together(gateways, [])
        await gateways.owner("qwen", ready=1, busy=0)
        before = await asyncio.to_thread(real_generator.deferrals)
        ok = await flood(it, lambda: gateways.each, 30, max_tokens=8)
        assert {status for status, _ in ok} == {200}
        leaving = [it.begin(gateways.each[n % 3], max_tokens=200, stream=True) for n in range(9)]
        await gateways.owner("qwen", waiting=7)
        for task in leaving[::2]:
            task.cancel()
        owner = await gateways.owner("qwen")
        others = [each for name, each in gateways.running.items() if name != owner]
        queue = asyncio.create_task(flood(it, lambda: others, 30, max_tokens=4))
        await asyncio.sleep(0.2)
        await gateways.kill(owner)
        assert {status for status, _ in await queue} == {200}
        await asyncio.gather(*leaving, return_exceptions=True)
        await gateways.owner("qwen", busy=0, draining=0, foreign=0, waiting=0)
        victim = await gateways.owner("qwen")
        gateways.signal(victim, signal.SIGSTOP)
        rest = [each for name, each in gateways.running.items() if name != victim]
        await asyncio.sleep(4)
        gateways.signal(victim, signal.SIGCONT)
        after = await flood(it, lambda: [*rest, gateways.running[victim]], 20, max_tokens=4)
        assert {status for status, _ in after} == {200}
        assert await asyncio.to_thread(real_generator.deferrals) == before
