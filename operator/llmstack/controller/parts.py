"""Which parts does the operator consist of, and which of them know each other?

This is the only place where they are put together. Each part is created on first use, and none
starts by itself: main.py, serving.py and leading.py decide what runs when.

    transport ─ client ─┬─ lease, eyes                                      main.py
                        ├─ root ─ load ─ server                             serving.py
                        └─ store ─ sight ─ queue ─ reconciler               leading.py
                                     └─ watching, lists, keeper
"""

import time
import uuid
from functools import cached_property

from llmstack.api.key import Key
from llmstack.controller.ending import Ending
from llmstack.controller.eyes import Eyes
from llmstack.controller.fence import Fence, now
from llmstack.controller.health import Vitals
from llmstack.controller.lease import LeaseKeeper
from llmstack.controller.lists import Lists
from llmstack.controller.load_follower import LoadFollower
from llmstack.controller.named import Named
from llmstack.controller.names import NameIndex
from llmstack.controller.observe import Observer, Sources
from llmstack.controller.operator_metrics import Metrics
from llmstack.controller.pod_logs import LogReader
from llmstack.controller.queue import WorkQueue
from llmstack.controller.reconcile import Reconciler
from llmstack.controller.report import Reporter
from llmstack.controller.resync import look_at_all
from llmstack.controller.root_secret import RootSecret
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store
from llmstack.controller.warnings import WarningReader
from llmstack.controller.watch import Watching
from llmstack.controller.writer import Writer
from llmstack.kube.client import KubeClient
from llmstack.kube.cluster_access import ClusterAccess
from llmstack.kube.listing import Identities
from llmstack.kube.pace import Bucket
from llmstack.kube.transport import Transport
from llmstack.metricsapi.answer import View
from llmstack.metricsapi.keeper import Keeper
from llmstack.metricsapi.serving import MetricsServer
from llmstack.settings.operator import OperatorSettings
from llmstack.version import VERSION


class Parts:
    """The parts of one operator. Create it within its event loop."""

    def __init__(self, settings: OperatorSettings, connection: ClusterAccess) -> None:
        self.settings = settings
        self.connection = connection
        # A restarted container keeps its pod's name, but must be another holder of the Lease.
        self.identity = f"{settings.identity}_{uuid.uuid4().hex[:8]}"
        self.ending = Ending()
        self.fence = Fence()
        self.vitals = Vitals(now)
        self.sight = Sight(Store(), NameIndex(), self.ask)

    @cached_property
    def transport(self) -> Transport:
        agent = f"llmstack/{VERSION} ({self.identity})"
        return Transport(
            self.connection,
            agent,
            self.settings.api_timeout,
            self.fence.check,
            self._call_ended,
            Bucket(self.settings.api_rate, self.settings.api_burst),
        )

    @cached_property
    def client(self) -> KubeClient:
        return KubeClient(self.transport)

    @cached_property
    def lease(self) -> LeaseKeeper:
        settings = self.settings
        return LeaseKeeper(
            self.client, settings.namespace, self.identity, settings.lease, self.fence
        )

    @cached_property
    def eyes(self) -> Eyes:
        return Eyes(
            self.client,
            self.settings.namespaces,
            lambda: self.fence.open,
            self.vitals.tell,
            self.begin_anew,
            self.root.keep,
        )

    @cached_property
    def root(self) -> RootSecret:
        settings = self.settings
        return RootSecret(
            self.client, settings.namespace, settings.root_secret, settings.resync_seconds, now
        )

    @cached_property
    def load(self) -> LoadFollower:
        return LoadFollower(self.settings.gateway_load_url, self.root.existing, self.wake, now)

    @cached_property
    def server(self) -> MetricsServer:
        settings = self.settings
        return MetricsServer(
            self.client, settings.namespace, settings.metrics, self._view, now, self._answered
        )

    @cached_property
    def keeper(self) -> Keeper:
        settings = self.settings
        return Keeper(
            self.client,
            settings.namespace,
            settings.metrics,
            time.time,
            self.server.why_not,
            self._look_at_all,
        )

    @cached_property
    def queue(self) -> WorkQueue:
        return WorkQueue(self._pass, self.settings.workers)

    @cached_property
    def lists(self) -> Lists:
        identities = Identities(self.connection, self._watch_agent)
        return Lists(self.sight, self.settings.namespaces, identities.list, self.begin_anew)

    @cached_property
    def watching(self) -> Watching:
        return Watching(
            self.connection, self._watch_agent, self.sight, self.lists.requested, self.vitals
        )

    @cached_property
    def reconciler(self) -> Reconciler:
        settings = self.settings
        named = Named(self.client, settings.resync_seconds / 2, now)
        writer = Writer(self.client, self.sight, named)
        return Reconciler(
            self.client,
            writer,
            settings,
            self.root,
            Observer(self._sources(named)),
            Reporter(writer, self.identity, now),
            self.load.model,
        )

    @cached_property
    def metrics(self) -> Metrics:
        made = Metrics()
        gauge, fence, queue = made.gauge, self.fence, self.queue
        gauge("leader", "1 while this process may write.", lambda: float(fence.open))
        gauge("lease_seconds", "Seconds for which this process may still write.", fence.left)
        gauge("load_age_seconds", "Seconds since the gateway's last line.", self.load.age)
        gauge("queue_depth", "Deployments that wait for a pass.", lambda: len(queue))
        gauge("retries", "Passes that failed and were tried again.", lambda: queue.retries)
        gauge(
            "api_throttled_seconds",
            "Total seconds that calls of the Kubernetes API waited for their turn.",
            lambda: self.transport.throttled_seconds,
        )
        made.watch_ages(self.vitals.watch_ages)
        return made

    def ask(self, key: Key, delay: float = 0.0, *, urgent: bool = True) -> None:
        """Asks for a pass over a deployment."""
        self.queue.add(key, delay, urgent=urgent)

    def wake(self, key: Key) -> None:
        """Asks for a pass because of the gateway's news, if this process leads."""
        if self.fence.open:
            self.ask(key)

    def begin_anew(self) -> None:
        """Restarts the process to renew its watches, if there are any to renew."""
        if self.vitals.watches:
            self.ending.begin_anew()

    def why_no_metrics(self) -> str:
        """Returns why autoscalers can read no metrics and what to change, "" if they can."""
        if self.settings.namespaces:
            return (
                "the metrics API is one for the whole cluster, and this operator serves named "
                "namespaces only: install it for all of them to scale by slots"
            )
        if not self.settings.metrics.service:
            return "the operator was started without LLMSTACK_METRICS_SERVICE, which the chart sets"
        return self.keeper.trouble()

    @property
    def _watch_agent(self) -> str:
        return f"llmstack-watch ({self.identity})"

    def _sources(self, named: Named) -> Sources:
        return Sources(
            self.sight.store,
            self.sight.names,
            named,
            WarningReader(self.client, now),
            LogReader(self.client, self.settings.progress_seconds, now),
            self.load.model,
            self.load.demand,
            self.why_no_metrics,
        )

    async def _pass(self, key: Key) -> float | None:
        started, result = time.monotonic(), "failed"
        try:
            again = await self.reconciler.reconcile(key)
            result = "ok"
            return again
        finally:
            self.metrics.reconciled(result, time.monotonic() - started)

    async def _look_at_all(self) -> None:
        look_at_all(self.sight.store, self.ask)

    def _view(self) -> View | None:
        load = self.load.load()
        return View(load, time.time() - self.load.age()) if load else None

    def _answered(self, status: int) -> None:
        self.metrics.answered(status)

    def _call_ended(self, method: str, resource: str, status: int, seconds: float) -> None:
        self.metrics.call(method, resource, status, seconds)
        if 0 < status < 500:
            self.vitals.contact = now()
