"""Which logs are read, and how often?

container                        what is read                        when
-------------------------------  ----------------------------------  -------------------------
fetch, running                   last lines of its log: progress     every `progress` seconds
fetch or server, failed          the line that gives the reason      once per end
server with a device, ready      whether it uses the device          once per start
any, of a terminating pod        nothing: no condition needs it      never
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmstack.api.key import Key
from llmstack.controller.observe_pods import PodLogs, find_container
from llmstack.desired.metadata import FETCH_CONTAINER, SERVER_CONTAINER
from llmstack.engines.for_operator import SERVER
from llmstack.kube.client import KubeClient
from llmstack.observed import Container, ContainerState

Object = Mapping[str, Any]

_PROGRESS_LINES = 20
_CRASH_LINES = 200
_START_LINES = 2000
_TRIES = 3
"""Times that a log without a telling line is read, because the line may only be late."""


@dataclass
class _Memory:
    """What was read of one pod, for each container's latest run only.

    `lines` maps the end or start of a container to the number of its run and the telling line.
    """

    progress: str = ""
    progress_at: float = float("-inf")
    progress_run: int = 0
    lines: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    tries: dict[str, tuple[int, int]] = field(default_factory=dict)

    def try_again(self, container: str, run: int) -> bool:
        """True for the first few calls about one run of a container."""
        last, tried = self.tries.get(container, (run, 0))
        tried = tried if last == run else 0
        self.tries[container] = run, tried + 1
        return tried < _TRIES

    def line(self, what: str, container: str, run: int) -> str | None:
        """Returns the line of this run, or None if it was not read yet."""
        known = self.lines.get((what, container))
        return known[1] if known and known[0] == run else None


class LogReader:
    """Reads logs of pods, and keeps what it read while the pods exist."""

    def __init__(
        self, client: KubeClient, progress_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._progress_seconds = progress_seconds
        self._clock = clock
        self._memories: dict[Key, dict[str, _Memory]] = {}

    async def read(
        self, key: Key, pods: Sequence[Object], *, accelerated: bool
    ) -> dict[str, PodLogs]:
        """Returns what is known of the logs of a deployment's pods, by the pod's uid."""
        known = self._memories.get(key, {})
        memories = {_uid(pod): known.get(_uid(pod), _Memory()) for pod in pods}
        self._memories[key] = memories
        return {
            _uid(pod): await self._read_pod(pod, memories[_uid(pod)], accelerated=accelerated)
            for pod in pods
        }

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._memories.pop(key, None)

    async def _read_pod(self, pod: Object, memory: _Memory, *, accelerated: bool) -> PodLogs:
        if "deletionTimestamp" in pod["metadata"]:
            return PodLogs()
        fetch = find_container(pod, FETCH_CONTAINER)
        server = find_container(pod, SERVER_CONTAINER)
        return PodLogs(
            fetch_tail=await self._progress(pod, memory, fetch),
            fetch_line=await self._end(pod, memory, fetch),
            server_line=await self._end(pod, memory, server),
            accelerator_unused=await self._start(pod, memory, server) if accelerated else "",
        )

    async def _progress(self, pod: Object, memory: _Memory, fetch: Container | None) -> str:
        if fetch is None or fetch.state is not ContainerState.RUNNING:
            return ""
        now = self._clock()
        due = now >= memory.progress_at + self._progress_seconds
        if due or fetch.restarts != memory.progress_run:
            memory.progress_at, memory.progress_run = now, fetch.restarts
            memory.progress = await self._tail(pod, fetch, _PROGRESS_LINES)
        return memory.progress

    async def _end(self, pod: Object, memory: _Memory, container: Container | None) -> str:
        """Returns the telling line of the last failed run; fetch's own message is preferred.

        The kubelet's copy of a server's log is no substitute: its 2 KiB are less than a backtrace.
        """
        if container is None or (
            container.name == FETCH_CONTAINER and container.termination_message
        ):
            return ""
        running = container.state is not ContainerState.TERMINATED
        code = container.last_exit_code if running else container.exit_code
        if not code:
            return ""
        run = container.restarts - running
        line = memory.line("end", container.name, run)
        if not line and memory.try_again(container.name, run):
            tail = await self._tail(pod, container, _CRASH_LINES, previous=running)
            line = SERVER.explain_exit(tail)
            memory.lines["end", container.name] = run, line
        return line or ""

    async def _start(self, pod: Object, memory: _Memory, server: Container | None) -> str:
        if server is None or not server.ready:
            return ""
        line = memory.line("start", server.name, server.restarts)
        if line is None:
            line = SERVER.explain_fallback(await self._tail(pod, server, _START_LINES))
            memory.lines["start", server.name] = server.restarts, line
        return line

    async def _tail(
        self, pod: Object, container: Container, lines: int, *, previous: bool = False
    ) -> str:
        metadata = pod["metadata"]
        return await self._client.log_tail(
            metadata["namespace"],
            metadata["name"],
            container.name,
            lines=lines,
            previous=previous,
        )


def _uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])
