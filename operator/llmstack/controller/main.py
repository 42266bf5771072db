"""What does a process of `llmstack operator` go through?

    start ─> wait for the Lease ─> lead ─> SIGTERM: passes finish ─> release the Lease ─> end
      │           │                  └──── Lease lost, or a part died ─> end at once
      │           └─ SIGTERM ─> end
      └─> follow the gateway's load, serve metrics to autoscalers, answer probes, until the end

While it waits, it writes nothing but its name into a Lease that is free.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import uvloop

from llmstack.controller.fence import end_process
from llmstack.controller.health import serve as serve_probes
from llmstack.controller.leading import Leading
from llmstack.controller.loop import report
from llmstack.controller.parts import Parts
from llmstack.controller.serving import serve
from llmstack.errors import ConfigurationError, LeaseLost
from llmstack.kube.cluster_access import ClusterAccess, connect
from llmstack.logs import configure
from llmstack.settings.operator import OperatorSettings

log = logging.getLogger(__name__)

BEGIN_ANEW = -1
"""Replaces an exit status: the process must start again, with new watches."""


def run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs the role `operator`. Returns the exit status."""
    if argv:
        sys.stderr.write("llmstack operator takes no arguments: see llmstack/settings/\n")
        return 2
    try:
        settings = OperatorSettings.from_env(env)
        connection = asyncio.run(connect(settings.kubeconfig, env))
    except ConfigurationError as error:
        sys.stderr.write(f"llmstack operator: {error}\n")
        return 2
    configure(settings.log_level)
    status = uvloop.run(_run(settings, connection))
    if status == BEGIN_ANEW:
        # In the same container, because the kubelet delays each further restart more.
        os.execv(sys.executable, [sys.executable, "-m", "llmstack", "operator"])  # noqa: S606
    return status


async def _run(settings: OperatorSettings, connection: ClusterAccess) -> int:
    return await Operator(Parts(settings, connection)).run()


class Operator:
    """One process of the operator, leading or standing by."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self) -> int:
        """Runs until the end. Returns the exit status, 0 after a requested stop."""
        self._listen_to_signals()
        asyncio.get_running_loop().set_exception_handler(report)
        parts = self._parts
        probes = await serve_probes(parts.vitals, parts.metrics, parts.settings.http_port)
        serving = asyncio.create_task(serve(parts), name="serving")
        looking = asyncio.create_task(parts.eyes.run(), name="eyes")
        try:
            status = await self._live(serving)
            return BEGIN_ANEW if parts.ending.anew else status
        finally:
            for task in (looking, serving):
                task.cancel()
            await asyncio.gather(looking, serving, return_exceptions=True)
            await probes.cleanup()
            await parts.transport.close()

    async def _live(self, serving: asyncio.Task[None]) -> int:
        """Stands by, then leads, then stops."""
        if not await self._won(serving):
            return 0
        parts = self._parts
        leading = Leading(parts, started=self._listen_to_signals)
        parts.vitals.leading, parts.vitals.longest_pass = True, parts.queue.longest_pass
        holding = asyncio.create_task(parts.lease.hold(), name="lease")
        working = asyncio.create_task(leading.run(), name="leading")
        stopping = asyncio.create_task(parts.ending.wait(), name="stop")
        tasks = {holding, working, serving}
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            _die(*tasks)
        return await self._stop_leading(leading, holding, working)

    async def _won(self, serving: asyncio.Task[None]) -> bool:
        """Waits for the Lease. Returns False if told to stop before."""
        keeper = self._parts.lease
        winning = asyncio.create_task(keeper.acquire(), name="winning")
        stopping = asyncio.create_task(self._parts.ending.wait(), name="stop")
        await asyncio.wait({winning, stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if serving.done():
            _die(serving)
        if winning.done():
            winning.result()
            return True
        winning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await winning
        await keeper.release()  # The last attempt may have won, with its answer still on the way.
        return False

    async def _stop_leading(
        self,
        leading: Leading,
        holding: asyncio.Task[None],
        working: asyncio.Task[None],
    ) -> int:
        """Lets the passes finish, then hands the Lease over; it is held until then."""
        longest = self._parts.settings.stop_seconds
        log.info("stopping")
        leading.stop()
        await asyncio.wait(
            {holding, working},
            timeout=longest,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if holding.done() or (working.done() and working.exception()):
            _die(holding, working)
        if not working.done():
            # A write may be on its way, so the Lease must expire by itself.
            log.warning("a pass did not finish within %g s", longest)
            end_process()
        if not self._parts.ending.anew:
            await leading.retire()
        holding.cancel()
        with contextlib.suppress(asyncio.CancelledError, LeaseLost):
            await holding
        await self._parts.lease.release()
        return 0

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._parts.ending.ask)


def _die(*parts: asyncio.Task[None]) -> NoReturn:
    """Logs what ended a part, and ends the process, which must not go on writing."""
    for part in parts:
        if part.done() and not part.cancelled() and part.exception():
            log.error("%s ended: %s", part.get_name(), part.exception(), exc_info=part.exception())
    end_process()
