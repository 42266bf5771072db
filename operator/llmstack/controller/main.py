"""How does `llmstack operator` live?

    start ─> wait for the Lease ─> lead ─> SIGTERM: passes finish ─> release the Lease ─> end
      │           │                  └──── Lease lost, or a part died ─> end at once
      │           └─ SIGTERM ─> end
      └─> follow the gateway's load, serve metrics to autoscalers, answer probes, until the end

While it waits it writes nothing but its name into a Lease that is free.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import NoReturn

from llmstack.controller.eyes import Eyes
from llmstack.controller.fence import Fence, end_process, now
from llmstack.controller.health import Vitals, serve
from llmstack.controller.leading import Leading
from llmstack.controller.lease import LeaseKeeper
from llmstack.controller.load import LoadFollower
from llmstack.controller.metrics import Metrics
from llmstack.controller.root_secret import RootSecret
from llmstack.controller.serving import Serving
from llmstack.errors import ConfigurationError, LeaseLost
from llmstack.kube.client import KubeClient
from llmstack.kube.connection import Connection, connect
from llmstack.kube.pace import Bucket
from llmstack.kube.transport import Transport
from llmstack.logs import configure
from llmstack.settings import OperatorSettings
from llmstack.version import VERSION

log = logging.getLogger(__name__)

BEGIN_ANEW = -1
"""In place of an exit status: the process is to begin from the start, with new watches."""


def run(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """The role `operator`. Returns the exit status."""
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
    status = asyncio.run(Operator(settings, connection).run())
    if status == BEGIN_ANEW:
        # In the same container: the kubelet would wait longer with each restart.
        os.execv(sys.executable, [sys.executable, "-m", "llmstack", "operator"])  # noqa: S606
    return status


class Operator:
    """One process, leading or standing by."""

    def __init__(self, settings: OperatorSettings, connection: Connection) -> None:
        # A container that starts again keeps its pod's name; it is another holder all the same.
        self._identity = f"{settings.identity}_{uuid.uuid4().hex[:8]}"
        self._settings = settings
        self._connection = connection
        self._metrics = Metrics()
        self._vitals = Vitals(now)
        self._fence = Fence()
        self._stop = asyncio.Event()
        self._anew = False
        gauge = self._metrics.gauge
        gauge("leader", "1 while this process may write.", lambda: float(self._fence.open))
        gauge("lease_seconds", "For how long this process may still write.", self._fence.left)
        self._metrics.watch_ages(self._vitals.watch_ages)

    async def run(self) -> int:
        """Returns the exit status: 0 after a stop that was asked for."""
        self._listen_to_signals()
        transport = Transport(
            self._connection,
            f"llmstack/{VERSION} ({self._identity})",
            self._settings.api_timeout,
            self._fence.check,
            self._call_ended,
            Bucket(self._settings.api_rate, self._settings.api_burst),
        )
        self._metrics.gauge(
            "api_throttled_seconds",
            "For which calls of the Kubernetes API waited for their turn, added up.",
            lambda: transport.throttled_seconds,
        )
        probes = await serve(self._vitals, self._metrics, self._settings.http_port)
        client = KubeClient(transport)
        serving = self._serve(client)
        looking = asyncio.create_task(self._eyes(client, serving).run(), name="eyes")
        try:
            status = await self._live(client, serving)
            return BEGIN_ANEW if self._anew else status
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await serving.close()
            await probes.cleanup()
            await transport.close()

    def _eyes(self, client: KubeClient, serving: Serving) -> Eyes:
        def tell(words: str) -> None:
            self._vitals.blind = words

        return Eyes(
            client,
            self._settings.namespaces,
            lambda: self._fence.open,
            tell,
            self._begin_anew,
            serving.root.keep,
        )

    def _begin_anew(self) -> None:
        """Ends as if it were told to, and begins again. Not before there are watches to renew."""
        if self._vitals.watches and not self._stop.is_set():
            log.warning("beginning anew: watches may have ended unseen")
            self._anew = True
            self._stop.set()

    def _end(self) -> None:
        self._anew = False
        self._stop.set()

    def _serve(self, client: KubeClient) -> Serving:
        """Begins what every process does, whether it leads or not."""
        settings = self._settings
        root = RootSecret(
            client, settings.namespace, settings.root_secret, settings.resync_seconds, now
        )
        load = LoadFollower(settings.gateway_load_url, root.existing, lambda _: None, now)
        self._metrics.gauge("load_age_seconds", "Since the gateway's last line.", load.age)
        return Serving(client, settings, root, load, self._metrics.answered)

    async def _live(self, client: KubeClient, serving: Serving) -> int:
        settings = self._settings
        keeper = LeaseKeeper(
            client, settings.namespace, self._identity, settings.lease, self._fence
        )
        if not await self._won(keeper, serving.task):
            return 0
        leading = Leading(
            self._connection,
            settings,
            self._identity,
            self._metrics,
            self._vitals,
            serving,
            started=self._listen_to_signals,
        )
        self._describe_leading(leading)
        holding = asyncio.create_task(keeper.hold(), name="lease")
        working = asyncio.create_task(leading.run(), name="leading")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        parts = {holding, working, serving.task}
        await asyncio.wait({*parts, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            _die(*parts)
        return await self._stop_leading(keeper, leading, holding, working)

    async def _won(self, keeper: LeaseKeeper, serving: asyncio.Task[None]) -> bool:
        """Waits for the Lease; False if told to stop before."""
        winning = asyncio.create_task(keeper.acquire(), name="winning")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
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
        await keeper.release()  # the last try may have won, with its answer still on the way
        return False

    async def _stop_leading(
        self,
        keeper: LeaseKeeper,
        leading: Leading,
        holding: asyncio.Task[None],
        working: asyncio.Task[None],
    ) -> int:
        """Lets the passes finish, then hands over. The Lease is held until then."""
        log.info("stopping")
        leading.stop()
        await asyncio.wait(
            {holding, working},
            timeout=self._settings.stop_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if holding.done() or (working.done() and working.exception()):
            _die(holding, working)
        if not working.done():
            # A write may be on its way: the Lease must run out by itself.
            log.warning("a pass did not finish within %g s", self._settings.stop_seconds)
            end_process()
        if not self._anew:
            await leading.retire()
        holding.cancel()
        with contextlib.suppress(asyncio.CancelledError, LeaseLost):
            await holding
        await keeper.release()
        return 0

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._end)

    def _call_ended(self, method: str, resource: str, status: int, seconds: float) -> None:
        self._metrics.call(method, resource, status, seconds)
        if 0 < status < 500:
            self._vitals.contact = now()

    def _describe_leading(self, leading: Leading) -> None:
        self._vitals.leading = True
        self._vitals.longest_pass = leading.queue.longest_pass
        gauge = self._metrics.gauge
        gauge("queue_depth", "Deployments that wait for a pass.", lambda: len(leading.queue))
        gauge("retries", "Passes that failed and were tried again.", lambda: leading.queue.retries)


def _die(*parts: asyncio.Task[None]) -> NoReturn:
    """Whatever ended a part, this process may not go on writing."""
    for part in parts:
        if part.done() and not part.cancelled() and part.exception():
            log.error("%s ended: %s", part.get_name(), part.exception(), exc_info=part.exception())
    end_process()
