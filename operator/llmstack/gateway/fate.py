"""What became of a replica that broke a connection before it had answered?

    the catalog says that it is ending ────────────────────────> ANNOUNCED
    it was already getting no new requests ────────────────────> UNREADY
    it accepts no connection, or breaks a new one, or its
    process is a new one, or it is loading ──> in a cluster, does the
                                           catalog say so soon? ─> ANNOUNCED, else DIED
    otherwise ─────────────────────────────────────────────────> ALIVE

A server that computes may answer late, so it counts as alive. A new process cannot be mistaken for
it: connections are refused until it listens, and then it loads its model.
"""

import asyncio
import time
from collections.abc import Callable

from llmstack.engines.for_gateway import REPLICA
from llmstack.gateway.catalog import Catalog
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.replica_probe import Broken, NoConnection, Probe
from llmstack.routing.suspects import Fate

ANSWER_SECONDS = 0.5
"""Seconds to wait for an answer. A server that accepts connections is alive even without one."""
_LOOK_SECONDS = 0.05
"""Seconds between looks at the catalog."""

Known = Callable[[str, str], str]
"""Returns the last known start of a replica's process, given model and replica, "" if unknown."""


class Fates:
    """Finds out. `patience` is the number of seconds that a cluster has to announce an end."""

    def __init__(self, catalog: Callable[[], Catalog], known: Known, patience: float) -> None:
        self._catalog = catalog
        self._known = known
        self._patience = patience

    async def of(self, model: str, backend: Backend) -> Fate:
        """Returns the fate of a replica. Call it right after the break."""
        known = self._known(model, backend.id)
        announced = self._announced(model, backend.id)
        if announced is not None:
            return announced
        if await self._lives(backend, known):
            return Fate.ALIVE
        deadline = time.monotonic() + self._patience
        while not self._leaves(model, backend.id):
            if not self._in_cluster(model) or time.monotonic() >= deadline:
                return Fate.DIED
            await asyncio.sleep(_LOOK_SECONDS)
        return Fate.ANNOUNCED

    async def _lives(self, backend: Backend, known: str) -> bool:
        """True if the same process answers, or accepts a connection but is too busy to answer."""
        probe = Probe(backend.host, backend.port, self._patience)
        try:
            if not known:
                await probe.reach()
                return True
            reply = await probe.get(REPLICA.METRICS_PATH, backend.key, ANSWER_SECONDS)
        except TimeoutError:
            return probe.connections > 0
        except (NoConnection, Broken):
            return False
        finally:
            probe.close()
        return reply.status != 503 and REPLICA.started(reply.headers) in (known, "")

    def _backend(self, model: str, replica: str) -> Backend | None:
        known = self._catalog().by_id.get(model)
        backends = known.backends if known is not None else ()
        return next((each for each in backends if each.id == replica), None)

    def _leaves(self, model: str, replica: str) -> bool:
        backend = self._backend(model, replica)
        return backend is None or backend.leaving

    def _announced(self, model: str, replica: str) -> Fate | None:
        """Returns what the catalog said before. After a death a replica may only look unready."""
        if self._leaves(model, replica):
            return Fate.ANNOUNCED
        backend = self._backend(model, replica)
        return Fate.UNREADY if backend is not None and not backend.accepting else None

    def _in_cluster(self, model: str) -> bool:
        known = self._catalog().by_id.get(model)
        return known is not None and bool(known.namespace)
