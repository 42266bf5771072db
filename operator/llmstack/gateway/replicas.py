"""Which replicas may get requests, and which of their slots are idle?

Catalog ─> one ReplicaWatch for each backend ─> the owner of the slots
"""

import asyncio
from collections.abc import Callable, Mapping

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.replica_pace import Pace
from llmstack.gateway.replica_watch import ReplicaWatch, State
from llmstack.gateway.slot_owner import SlotOwner

ReplicaKey = tuple[str, str]
"""Model id and backend id."""

LastByte = Callable[[str, str], float]
"""Returns when any stream of a replica last sent a byte, by time.monotonic(); -inf if never."""


class Replicas:
    """All replicas of the newest catalog. Use it on one event loop."""

    def __init__(
        self,
        owner: SlotOwner,
        last_byte: LastByte,
        pace: Pace | None = None,
        lost: Callable[[str, Backend], None] = lambda _model, _backend: None,
    ) -> None:
        """`lost(model, backend)` is called when a replica's process has ended."""
        self._owner = owner
        self._last_byte = last_byte
        self._lost = lost
        self._pace = pace or Pace()
        self._watches: dict[ReplicaKey, ReplicaWatch] = {}

    def follow(self, catalog: Catalog) -> None:
        """Watches the replicas of this catalog from now on, and no others."""
        wanted = {
            (model.id, backend.id): (model, backend)
            for model in catalog.models
            for backend in model.backends
        }
        for key, watch in list(self._watches.items()):
            if key not in wanted or not watch.update(*wanted[key]):
                self._watches.pop(key).stop()
        for key, (model, backend) in wanted.items():
            if key not in self._watches:
                self._watches[key] = self._watch(model, backend)

    def hurry(self, model: str, replica: str) -> None:
        """Polls a replica at once and often, because a request there was cancelled or broke."""
        watch = self._watches.get((model, replica))
        if watch is not None:
            watch.hurry()

    def states(self) -> Mapping[ReplicaKey, State]:
        """Returns the state of each replica."""
        return {key: watch.state for key, watch in self._watches.items()}

    def unreachable(self, model: Model) -> Mapping[str, str]:
        """Returns the model's ready replicas that have been unreachable for a while, and why."""
        whys = {
            backend.id: watch.unreachable()
            for backend in model.backends
            if (watch := self._watches.get((model.id, backend.id)))
        }
        return {id: why for id, why in whys.items() if why}

    def watches(self, model: str, replica: str) -> bool:
        """True if this gateway polls the replica."""
        return (model, replica) in self._watches

    def keeps_apart(self, model: str, replica: str) -> bool:
        """True if the replica keeps apart what it caches under different salts."""
        watch = self._watches.get((model, replica))
        return watch is not None and watch.keeps_apart

    def context(self, model: Model) -> int:
        """Returns the tokens per slot of the model's largest replica, or 0 if unknown."""
        watches = (self._watches.get((model.id, backend.id)) for backend in model.backends)
        return max((watch.context for watch in watches if watch is not None), default=0)

    def started(self, model: str, replica: str) -> str:
        """Returns the process's start as the replica last reported it, or "" if unknown."""
        watch = self._watches.get((model, replica))
        return watch.started if watch is not None else ""

    def asked(self, model: Model) -> bool:
        """True if each ready replica has answered at least once, or failed to."""
        watches = (self._watches.get((model.id, b.id)) for b in model.backends if b.ready)
        return all(watch is not None and watch.asked for watch in watches)

    def deferred(self) -> Mapping[str, int]:
        """Returns how many requests wait inside the replicas of each model, as last reported."""
        found: dict[str, int] = {}
        for (model, _), watch in self._watches.items():
            found[model] = found.get(model, 0) + watch.deferred
        return found

    async def close(self) -> None:
        """Stops watching all replicas."""
        watches = list(self._watches.values())
        self.follow(Catalog())
        tasks = [watch.task for watch in watches if watch.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, model: Model, backend: Backend) -> ReplicaWatch:
        def last_byte() -> float:
            return self._last_byte(model.id, backend.id)

        def lost(backend: Backend) -> None:
            self._lost(model.id, backend)

        watch = ReplicaWatch(self._owner, model, backend, last_byte, self._pace, lost)
        watch.start()
        return watch
