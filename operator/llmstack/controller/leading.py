"""What does the process do while it leads?

    kopf ─> handlers ─> sight ──┐
    own lists, own writes ──────┤ news
    resync ─────────────────────┼─> queue ─> workers ─> passes
    load ───────────────────────┤
    metrics API ────────────────┘

Passes start once everything that is watched has been reported (lists.py). Every process follows the
load (serving.py). metricsapi/keeper.py makes sure that autoscalers can read metrics.

Leading ends when the process is told to stop (no further pass starts, running ones finish) or when
one of its parts ends by itself, which is a fault.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import kopf

from llmstack.controller.handlers import REGISTRY
from llmstack.controller.parts import Parts
from llmstack.controller.peers import is_last
from llmstack.controller.resync import resync
from llmstack.errors import LeaseLost
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import LLM_DEPLOYMENT

log = logging.getLogger(__name__)
_BEGIN_RETRY_SECONDS = 2.0
"""Seconds between attempts to start."""


class Leading:
    """The leader's tasks, and how they start and end.

    `started` is called once the watches run: kopf installs its own signal handlers, and the caller
    installs its own again.
    """

    def __init__(self, parts: Parts, started: Callable[[], None]) -> None:
        self._parts = parts
        self._started = started
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Works until stop() is called. Raises the error that ended one of its parts."""
        await self._prepare()
        passes = _task(self._work(), "passes")
        tasks = {passes, *self._others()}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if passes not in done:
                raise RuntimeError("the watches ended by themselves")
        finally:
            for task in tasks:
                task.cancel()
            # When kopf ends, it cancels all tasks that started after it, ours included. So nothing
            # may start before it has finished.
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._parts.watching.close()

    def stop(self) -> None:
        """Starts no further pass; run() returns once the running ones have ended."""
        self._stopping.set()
        self._parts.queue.stop()

    async def retire(self) -> None:
        """Deletes the APIServices if no other operator takes over. Call it before the Lease goes.

        An APIService without a server would keep every namespace from being deleted.
        """
        settings = self._parts.settings
        if not settings.metrics.service:
            return
        try:
            if await is_last(self._parts.client, settings.namespace, settings.identity):
                await self._parts.keeper.retire()
        except (ApiError, LeaseLost) as error:
            log.warning("cannot delete the APIServices: %s", error)

    def _others(self) -> set[asyncio.Task[None]]:
        parts, settings = self._parts, self._parts.settings
        tasks = {
            _task(parts.lists.run(), "lists"),
            _task(resync(parts.sight.store, parts.ask, settings.resync_seconds), "resync"),
            _task(self._watch(), "watch"),
        }
        if settings.metrics.service:
            tasks.add(_task(parts.keeper.run(), "metrics API"))
        return tasks

    async def _prepare(self) -> None:
        """Waits until the root Secret exists and the API server knows LLMDeployments."""
        parts = self._parts
        while not self._stopping.is_set():
            try:
                await parts.root.root()
                for namespace in parts.settings.namespaces or (None,):
                    await parts.client.peek(LLM_DEPLOYMENT, namespace)
                if parts.settings.metrics.service:
                    await parts.keeper.look()  # The first passes report its state.
                return
            except ApiError as error:
                hint = "; are the CRDs of crds/ applied?" if error.not_found else ""
                log.warning("cannot start yet: %s%s", error, hint)
                await asyncio.sleep(_BEGIN_RETRY_SECONDS)

    async def _work(self) -> None:
        """Runs passes until stop(), once everything that is watched is known."""
        waits = {_task(self._known(), "known"), _task(self._stopped(), "stopped")}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        await self._parts.queue.run()

    async def _known(self) -> None:
        await self._parts.lists.complete.wait()

    async def _stopped(self) -> None:
        await self._stopping.wait()

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
        namespaces = self._parts.settings.namespaces
        await kopf.operator(
            registry=REGISTRY,
            memo=self._parts.watching,
            # Otherwise kopf derives one from the user's name, which a pod's user does not have.
            # (kopf does not export the type, which is a str.)
            identity=self._parts.identity,  # type: ignore[arg-type]
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=ready,
        )


def _task(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)
