"""What does every process of the operator do, whether it leads or stands by?

gateway /load ─> LoadFollower ─┬─> metrics API <─ autoscalers
                               └─> the queue, once this process leads
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from llmstack.controller.fence import now
from llmstack.controller.load import LoadFollower
from llmstack.controller.root_secret import RootSecret
from llmstack.kube.client import KubeClient
from llmstack.metricsapi.answer import View
from llmstack.metricsapi.serving import MetricsServer
from llmstack.settings import OperatorSettings


class Serving:
    """It runs from its creation on; `task` ends only by a fault. `answered` is told statuses."""

    def __init__(
        self,
        client: KubeClient,
        settings: OperatorSettings,
        root: RootSecret,
        load: LoadFollower,
        answered: Callable[[int], None],
    ) -> None:
        self.client = client
        self.root = root
        self.load = load
        self._parts = []
        self._server: MetricsServer | None = None
        if settings.gateway_load_url:
            self._parts.append(load.run)
        if settings.metrics.service:
            self._server = MetricsServer(
                client, settings.namespace, settings.metrics, self._view, now, answered
            )
            self._parts.append(self._server.run)
        self.task = asyncio.create_task(self._run(), name="serving")

    def why_no_metrics(self) -> str:
        """For what does the metrics API wait before it is served? "" if it is."""
        return self._server.why_not() if self._server else "a setting"

    async def close(self) -> None:
        """Ends it."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(part())
            await asyncio.Event().wait()

    def _view(self) -> View | None:
        load = self.load.load()
        return View(load, time.time() - self.load.age()) if load else None
