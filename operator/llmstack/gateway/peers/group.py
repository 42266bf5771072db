"""How is this gateway part of a group? Its shared owner, its connections, and its gossip."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.config_schema import Address
from llmstack.gateway.forwarding import next_id
from llmstack.gateway.live_metrics import Standing
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.peers.around import Around
from llmstack.gateway.peers.gossip import Gossip, ReplicaKey
from llmstack.gateway.peers.links import Links
from llmstack.gateway.peers.shared_owner import SharedOwner
from llmstack.gateway.replica_facts import Facts
from llmstack.routing.load import Load
from llmstack.routing.peering import BEAT, Peering
from llmstack.routing.view import Member

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """What the rest of the process does for the group.

    `follow(catalog)` takes the models that this gateway owns. `lost(lease)` is called if a replica
    shows no trace of one of our requests. `bytes()` returns when each replica's streams last sent a
    byte. `context(model)` returns the tokens per slot of an owned model.
    """

    follow: Callable[[Catalog], None]
    lost: Callable[[int], None]
    bytes: Callable[[], Mapping[ReplicaKey, float]]
    context: Callable[[Model], int]
    facts: Facts


class Group:
    """This gateway among its peers. It grants nothing before join()."""

    def __init__(self, name: str, local: LocalOwner, process: Process) -> None:
        self._local = local
        self._process = process
        clock = time.monotonic
        self._peering = Peering(Member(name, secrets.token_hex(8)), clock())
        self._links = Links(lambda: self._peering.me)
        self.gossip = Gossip(name, self._peering.owner, self._links.send, clock)
        self._links.fresh = self.gossip.fresh
        around = Around(
            process.follow,
            process.lost,
            next_id,
            process.facts,
            self.gossip.hear,
            self.gossip.dropped,
        )
        self.owner = SharedOwner(self._peering, local, self._links, around, clock)
        self._catalog = Catalog()
        self._ticking: asyncio.Task[None] | None = None

    async def listen(self, where: Address) -> None:
        """Starts accepting connections. Raises OSError."""
        await self._links.listen(where.host or None, where.port)

    def join(self, members: Iterable[str], key: bytes) -> None:
        """Takes the current list of gateways. The first call joins them."""
        members = list(members)
        if self._ticking is None:
            self._links.meet(key, self.owner)
            self.owner.expect(members)
            self._ticking = asyncio.create_task(self._tick())
        self._links.know(members)

    def take(self, catalog: Catalog) -> None:
        """Takes the current models."""
        self._catalog = catalog
        self.owner.take(catalog)

    def loads(self) -> dict[str, Load]:
        """Returns the loads of all models, in sum for those that peers own."""
        return self.gossip.loads(self._local.load(), self._catalog.by_id)

    def context(self, model: Model) -> int:
        """Returns the tokens per slot of a model, or 0 while unknown."""
        own = self.owner.owns(model.id)
        return self._process.context(model) if own else self.gossip.context(model.id)

    def standing(self) -> Standing:
        """Returns this gateway's standing among the others."""
        peering = self._peering
        missing = sum(not peering.is_present(name) for name in self._links.listed())
        return Standing(len(peering.view.members), missing, peering.alone, peering.changes)

    def retire(self) -> None:
        """Gives all models up to the others; this gateway's own requests continue."""
        self.owner.retire()

    async def close(self) -> None:
        """Leaves the group; the others see at once that this process has ended."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        await self._links.close()

    async def _tick(self) -> None:
        while True:
            try:
                self.owner.tick()
                peers, own = self._peering.reached(), self._local.load()
                self.gossip.tell(peers, own, self._process.bytes(), self._context_of)
            except Exception:  # Without heartbeats it would never grant again.
                log.exception("a heartbeat failed")
            await asyncio.sleep(BEAT)

    def _context_of(self, id: str) -> int:
        model = self._catalog.by_id.get(id)
        return self._process.context(model) if model is not None else 0
