"""What does the process do while it leads?

    resync ──────┐
    load ────────┤
    metrics API ─┤
    kopf ────────┴─> queue ─> workers ─> passes

The load is followed by every process (serving.py); the one that leads also looks at the deployments
whose servers it tells of. That autoscalers can read metrics is kept by metricsapi/keeper.py.

It ends when it is told to stop (in order: no further pass, the running ones finish), or when one of
its parts ends by itself, which is a fault.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
import kopf

from llmstack.api.key import Key
from llmstack.controller.fence import now
from llmstack.controller.health import Vitals
from llmstack.controller.keys import KnownKeys
from llmstack.controller.metrics import Metrics
from llmstack.controller.names import NameIndex
from llmstack.controller.observe import Observer
from llmstack.controller.peers import is_last
from llmstack.controller.queue import WorkQueue
from llmstack.controller.reconcile import Reconciler
from llmstack.controller.report import Reporter
from llmstack.controller.resync import list_keys, look_at_all, resync
from llmstack.controller.serving import Serving
from llmstack.controller.watch import WATCHED, registry
from llmstack.controller.watch import settings as watch_settings
from llmstack.errors import LeaseLost
from llmstack.kube.connection import Connection
from llmstack.kube.errors import ApiError
from llmstack.kube.session import open_watch_session
from llmstack.metricsapi.keeper import Keeper
from llmstack.settings import OperatorSettings

log = logging.getLogger(__name__)
_BEGIN_RETRY_SECONDS = 2.0


class Leading:
    """The controller's parts, and how they begin and end.

    `started` is called once the watches run: kopf takes the signals for itself, and the caller
    takes them back.
    """

    def __init__(
        self,
        connection: Connection,
        settings: OperatorSettings,
        identity: str,
        metrics: Metrics,
        vitals: Vitals,
        serving: Serving,
        started: Callable[[], None],
    ) -> None:
        self._client = client = serving.client
        self._connection = connection
        self._settings = settings
        self._identity = identity
        self._metrics = metrics
        self._vitals = vitals
        self._started = started
        self._stopping = False
        self._sessions: list[aiohttp.ClientSession] = []
        self._root = serving.root
        self.queue = WorkQueue(self._timed_pass, settings.workers)
        self._names = NameIndex()
        self._load = serving.load
        self._load.changed = self.queue.add
        self._keeper = Keeper(
            client,
            settings.namespace,
            settings.metrics,
            time.time,
            serving.why_no_metrics,
            self._metrics_api_changed,
        )
        self._reconciler = self._passes()

    def _passes(self) -> Reconciler:
        """What carries out a pass, with all that it reads and where it reports."""
        observer = Observer(
            self._client,
            self._settings.progress_seconds,
            now,
            self._names,
            self._load.model,
            self._load.demand,
            self.metrics_api,
        )
        reporter = Reporter(self._client, self._identity, now)
        return Reconciler(
            self._client, self._settings, self._root, observer, reporter, self._load.model
        )

    async def run(self) -> None:
        """Works until stop() was called. Raises what ended one of its parts."""
        await self._prepare()
        passes = asyncio.create_task(self.queue.run(), name="passes")
        parts = {
            passes,
            asyncio.create_task(self._resync(), name="resync"),
            asyncio.create_task(self._watch(), name="watch"),
        }
        if self._settings.metrics.service:
            parts.add(asyncio.create_task(self._keeper.run(), name="metrics API"))
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
            if passes not in done:
                raise RuntimeError("the watches ended by themselves")
        finally:
            for part in parts:
                part.cancel()
            # kopf, as it ends, cancels all tasks that began after it did, also ours: nothing may
            # begin before it is through.
            await asyncio.gather(*parts, return_exceptions=True)
            for session in self._sessions:
                await session.close()

    def metrics_api(self) -> str:
        """Why can autoscalers not read metrics? "" if they can, else who or what is to change."""
        if self._settings.namespaces:
            return (
                "the metrics API is one for the whole cluster, and this operator serves named "
                "namespaces only: install it for all of them to scale by slots"
            )
        if not self._settings.metrics.service:
            return "the operator was started without LLMSTACK_METRICS_SERVICE, which the chart sets"
        return self._keeper.trouble()

    def stop(self) -> None:
        """Begins no further pass; run() returns when those that run have ended."""
        self._stopping = True
        self.queue.stop()

    async def retire(self) -> None:
        """Takes the metrics API out where no other operator goes on; called before the Lease goes.

        An APIService that nobody answers for would keep every namespace from being deleted.
        """
        if not self._settings.metrics.service:
            return
        try:
            if await is_last(self._client, self._settings.namespace, self._settings.identity):
                await self._keeper.retire()
        except (ApiError, LeaseLost) as error:
            log.warning("the APIServices stay: %s", error)

    async def _prepare(self) -> None:
        """Waits until the root Secret is there and the API server knows LLMDeployments."""
        while not self._stopping:
            try:
                await self._root.root()
                await list_keys(self._client, self._settings.namespaces)
                if self._settings.metrics.service:
                    await self._keeper.look()  # the first passes tell how it stands
                return
            except ApiError as error:
                hint = "; are the CRDs of crds/ applied?" if error.not_found else ""
                log.warning("cannot begin yet: %s%s", error, hint)
                await asyncio.sleep(_BEGIN_RETRY_SECONDS)

    async def _metrics_api_changed(self) -> None:
        """Lets each deployment tell how the metrics API stands now."""
        await look_at_all(self._client, self.queue, self._settings.namespaces)

    async def _timed_pass(self, key: Key) -> float | None:
        started, result = time.monotonic(), "failed"
        try:
            again = await self._reconciler.reconcile(key)
            result = "ok"
            return again
        finally:
            self._metrics.reconciled(result, time.monotonic() - started)

    async def _resync(self) -> None:
        settings = self._settings
        await resync(self._client, self.queue, settings.namespaces, settings.resync_seconds)

    async def _watch(self) -> None:
        ready = asyncio.Event()
        taking_back = asyncio.create_task(self._when(ready))
        try:
            await self._watch_until_cancelled(ready)
        finally:
            taking_back.cancel()

    async def _when(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._started()

    async def _watch_until_cancelled(self, ready: asyncio.Event) -> None:
        await kopf.operator(
            registry=registry(
                self.queue,
                KnownKeys(),
                self._names,
                self._connection.server,
                self._open_watch_session,
            ),
            settings=watch_settings(),
            # Else kopf makes one of the user's name, and the user of a pod has none.
            # (kopf does not export the type, which is a str.)
            identity=self._identity,  # type: ignore[arg-type]
            standalone=True,
            clusterwide=not self._settings.namespaces,
            namespaces=self._settings.namespaces,
            ready_flag=ready,
        )

    def _open_watch_session(self) -> aiohttp.ClientSession:
        for kind in WATCHED:
            self._vitals.watches.setdefault(kind.plural, now())
        agent = f"llmstack-watch ({self._identity})"
        session = open_watch_session(self._connection, agent, self._watch_began)
        self._sessions = [*(old for old in self._sessions if not old.closed), session]
        return session

    def _watch_began(self, path: str) -> None:
        self._vitals.watches[path.rpartition("/")[2]] = now()
