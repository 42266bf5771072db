"""How do tests run single passes, and let one die at any of its writes?

Before each pass all that the operator watches is listed, as if its watches had told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from llmstack.api.key import Key
from llmstack.controller.named import Named
from llmstack.controller.names import NameIndex
from llmstack.controller.observe import Observer, Sources
from llmstack.controller.pod_logs import LogReader
from llmstack.controller.reconcile import Reconciler
from llmstack.controller.report import Reporter
from llmstack.controller.root_secret import RootSecret
from llmstack.controller.sight import Sight
from llmstack.controller.store import Store, version_of
from llmstack.controller.warnings import WarningReader
from llmstack.controller.watched import WATCHED, labels_of
from llmstack.controller.writer import Writer
from llmstack.kube.client import KubeClient
from llmstack.kube.cluster_access import connect
from llmstack.kube.errors import ApiError
from llmstack.kube.objects import place_of
from llmstack.kube.transport import Transport
from llmstack.observed import Demand
from llmstack.scaling.gateway_load import ModelLoad
from llmstack.settings.operator import OperatorSettings
from tests.integration.apiserver import ApiServer

SETTINGS = OperatorSettings.from_env(
    {
        "POD_NAMESPACE": "default",
        "LLMSTACK_IMAGE_FETCH": "fetch:1",
        "LLMSTACK_IMAGE_SERVER_CPU": "cpu:1",
    }
)


class Died(BaseException):
    """The process ends here: nothing below may catch it."""


class Passes:
    """Passes over the deployments of one API server.

    `die_after` n: the pass dies when its n-th write was answered, before it hears of it.
    """

    def __init__(self, settings: OperatorSettings = SETTINGS) -> None:
        self.settings = settings
        self.writes = 0
        self.die_after: int | None = None
        self._reconciler: Reconciler | None = None
        self._look: Callable[[str], Awaitable[None]] | None = None

    async def run(self, namespace: str, name: str = "qwen") -> None:
        """One pass, and further ones as long as conflicts ask for them."""
        assert self._reconciler is not None and self._look is not None
        self.writes = 0
        while True:
            try:
                await self._look(namespace)
                await self._reconciler.reconcile(Key(namespace, name))
                return
            except ApiError as error:
                if error.reason != "Conflict":
                    raise
                await asyncio.sleep(0)

    async def die_at(self, write: int, namespace: str, name: str = "qwen") -> bool:
        """The passes over a new deployment, one that makes its objects and one that tells of them,
        end after so many writes. False if they had fewer.
        """
        self.die_after = write
        try:
            await self.run(namespace, name)
            self.die_after -= self.writes
            await self.run(namespace, name)
        except Died:
            return True
        finally:
            self.die_after = None
        return False

    def call_ended(self, method: str, _resource: str, status: int, _seconds: float) -> None:
        if method == "GET" or not 200 <= status < 300:
            return
        self.writes += 1
        if self.writes == self.die_after:
            raise Died


@asynccontextmanager
async def passes(
    server: ApiServer,
    demand: Callable[[Key], Demand] = lambda _: Demand(),
    load: Callable[[Key], ModelLoad | None] = lambda _: None,
    **changes: object,
) -> AsyncIterator[Passes]:
    """Passes by an operator with other settings, as far as `changes` names them.

    `demand` and `load` are what the gateway tells of a deployment.
    """
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    made = Passes(settings)
    connection = await connect(str(server.kubeconfig), {})
    transport = Transport(connection, "llmstack/test (pass)", 20, lambda: None, made.call_ended)
    client, clock = KubeClient(transport), time.monotonic
    root = RootSecret(client, settings.namespace, settings.root_secret, 300, clock)
    sight = Sight(Store(), NameIndex(), lambda *_, **__: None)
    named = Named(client, 0, clock)
    writer = Writer(client, sight, named)
    observer = Observer(
        Sources(
            sight.store,
            sight.names,
            named,
            WarningReader(client, clock),
            LogReader(client, settings.progress_seconds, clock),
            load=lambda _: None,
            demand=demand,
            metrics_api=str,
        )
    )
    reporter = Reporter(writer, "t", clock)
    made._look = partial(_look, client, sight)
    made._reconciler = Reconciler(client, writer, settings, root, observer, reporter, load)
    try:
        yield made
    finally:
        await transport.close()


async def _look(client: KubeClient, sight: Sight, namespace: str) -> None:
    for kind in WATCHED:
        scope = namespace if kind.namespaced else None
        found = await client.list(kind, scope, labels=labels_of(kind))
        for body in found:
            sight.note(kind, body)
        places = {body["metadata"]["uid"]: place_of(body["metadata"]) for body in found}
        newest = max((version_of(body["metadata"]) for body in found), default=0)
        sight.listed(kind, scope, places, max(newest, sight.store.newest(kind)))
