"""How are the parts put together into a running gateway, and in which order does it stop?

    source ─> catalog, keys ─> app, owner, replicas
    clients ─> http server ─> exchange ─> owner ─> replicas' slots

Stopping loses no request. The gateway first reports that it is not ready, and goes on for `linger`
seconds, until nobody sends it new requests. Then it accepts no new connections, finishes waiting
and streaming requests, and exits once they have ended or `drain` seconds have passed.
"""

import asyncio
import hmac
import itertools
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from llmstack.api.sharing import CacheSharing
from llmstack.gateway import admin, whose
from llmstack.gateway.access_log import AccessLog
from llmstack.gateway.admin import Changes, Views
from llmstack.gateway.app import App
from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.config_schema import Address
from llmstack.gateway.deaths import Deaths
from llmstack.gateway.exchange import Exchanges
from llmstack.gateway.http.server import Server
from llmstack.gateway.keys import Keys
from llmstack.gateway.live_metrics import LiveMetrics
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.peers.group import Group, Process
from llmstack.gateway.peers.place import Peers
from llmstack.gateway.records import Records
from llmstack.gateway.replica_facts import Facts
from llmstack.gateway.replica_watch import State
from llmstack.gateway.replicas import Replicas
from llmstack.gateway.request_metrics import Metrics
from llmstack.routing.deaths import Death
from llmstack.scaling.load_page import load_page
from llmstack.settings.limits import Limits

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the gateway listens (host "" means all addresses), and how it stops, in seconds.

    `peers` is where other gateways reach it, None if there are none. `name` is what they call it.
    """

    listen: Address
    admin: Address
    linger: float
    drain: float
    peers: Address | None = None
    name: str = ""


class Gateway:
    """The data plane of one process. `known` is True once there is a catalog."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self.stopping = False
        self.known = False
        self.load_key: str | None = None
        self._facts: Facts | None = None
        self._place = place
        self._changes = Changes()
        self._told: set[str] = set()
        self._epoch = uuid.uuid4().hex
        self._log = AccessLog()
        self._owner = LocalOwner(
            lambda _: self._changes.happened(),
            self._hurry,
            self._lost,
            limits.lost_seconds,
            itertools.count(whose.FIRST_LEASE),
        )
        self.app = App(owner=self._owner, record=self._record, load=self._owner.load)
        self._deaths = Deaths(self.app, limits, self._started, self._died)
        self._exchanges = Exchanges(self.app, limits, self._deaths)
        self._server = Server(self._exchanges, limits)
        self._replicas = Replicas(self._owner, self._last_byte, lost=self._deaths.lost)
        self.app.keeps_apart = self._replicas.keeps_apart
        self.app.context = self._replicas.context
        self.group = self._join(place.name) if place.peers is not None else None
        self.app.why_not_serving = self._why_not_ready
        live = LiveMetrics(
            self._owner.load,
            self._replicas.deferred,
            lambda: self._log.dropped,
            lambda: self.app.keys,
            lambda: self.group.standing() if self.group is not None else None,
        )
        self._metrics = Metrics(live)
        self._records = Records(self._metrics, self._log)

    def serve(self, catalog: Catalog, keys: Keys | None, cors: tuple[str, ...]) -> None:
        """Serves these models to these clients from now on."""
        for name, models in catalog.conflicts().items():
            others = ", ".join(model.id for model in models[1:])
            log.warning(
                "the model name %s belongs to %s, but %s also claim it", name, models[0].id, others
            )
        self.app.catalog, self.app.keys, self.app.cors = catalog, keys, cors
        if self.group is not None:
            self.group.take(catalog)
        else:
            self._follow(catalog)
        self.known = True

    def meet(self, peers: Peers) -> None:
        """Takes the current list of the other gateways."""
        if self.group is not None:
            self.app.prompt_secret = hmac.digest(peers.key, b"prompts", "sha256")
            self.group.join(peers.members, peers.key)

    async def run(self, source: Callable[[], "asyncio.Future[None]"], stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then stops as the module's docstring says."""
        runner = await self._start()
        following = asyncio.ensure_future(source())
        try:
            await _first(following, stop)
            await self._finish()
        finally:
            following.cancel()
            await asyncio.wait([following])
            if self.group is not None:
                await self.group.close()
            await self._replicas.close()
            await runner.cleanup()
            self._records.settle()
            await self._log.close()

    async def _start(self) -> web.AppRunner:
        views = Views(
            metrics=self._records.numbers,
            load=self._load,
            ready=self._why_not_ready,
            changes=self._changes,
            load_key=lambda: self.load_key,
        )
        runner = await admin.serve(views, self._place.admin.host or None, self._place.admin.port)
        if self.group is not None and self._place.peers is not None:
            await self.group.listen(self._place.peers)
        listen = self._place.listen
        port = await self._server.listen(listen.host or None, listen.port)
        asked = Address(*runner.addresses[0][:2])
        log.info("clients at %s, admin at %s", Address(listen.host, port), asked)
        return runner

    async def _finish(self) -> None:
        log.info("stopping: accepting no new requests after %g s", self._place.linger)
        self.stopping = True
        if self.group is not None:
            self.group.retire()
        self._server.retire()
        await asyncio.sleep(self._place.linger)
        left = await self._server.drain(self._place.drain)
        self._exchanges.close()
        log.info("stopped; %d requests were cut off", left)

    def _join(self, name: str) -> Group:
        """Joins the other gateways; from then on it owns only its share of the models."""
        replicas = self._replicas
        facts = Facts(replicas.watches, replicas.keeps_apart, replicas.started)
        exchanges = self._exchanges
        process = Process(
            self._follow, exchanges.lost, exchanges.last_bytes, replicas.context, facts
        )
        group = Group(name, self._owner, process)
        self._facts = facts
        self.app.owner, self.app.load = group.owner, group.loads
        self.app.keeps_apart, self.app.context = facts.keeps_apart, group.context
        return group

    def _follow(self, catalog: Catalog) -> None:
        self._owner.apply(catalog)
        self._replicas.follow(catalog)

    def _last_byte(self, model: str, replica: str) -> float:
        own = self._exchanges.last_byte(model, replica)
        return max(own, self.group.gossip.last_byte(model, replica)) if self.group else own

    def _record(self, outcome: Outcome) -> None:
        self._records.add(outcome)

    def _load(self) -> bytes:
        """Returns the /load document. A model appears once its replicas have been polled.

        Before that, busy replicas would look idle.
        """
        models = self.app.catalog.by_id
        terms = self.group.owner.terms if self.group is not None else None
        ours = models if terms is None else {id: models[id] for id in terms if id in models}
        self._told = {
            id for id, model in ours.items() if id in self._told or self._replicas.asked(model)
        }
        loads = {id: load for id, load in self._owner.load().items() if id in self._told}
        uncached = {id: self._uncached(models[id]) for id in loads}
        deaths = {id: self._deaths.recent(id) for id in (loads if terms is None else models)}
        slots = {id: models[id].slots for id in loads}
        unreachable = {id: self._replicas.unreachable(models[id]) for id in loads}
        return load_page(self._epoch, loads, slots, uncached, deaths, unreachable, terms)

    def _uncached(self, model: Model) -> frozenset[str]:
        """Returns the replicas that answer and are told to reuse nothing (uncached.py)."""
        if self.app.keys is None or model.cache_sharing is not CacheSharing.TENANT:
            return frozenset()
        states = self._replicas.states()
        return frozenset(
            backend.id
            for backend in model.backends
            if states.get((model.id, backend.id)) is State.UP
            and not self._replicas.keeps_apart(model.id, backend.id)
        )

    def _why_not_ready(self) -> str:
        if self.stopping:
            return "stopping"
        return "" if self.known else "the models are not known yet"

    def _lost(self, lease: int) -> None:
        if self.group is not None:
            self.group.owner.lost(lease)
        else:
            self._exchanges.lost(lease)

    def _started(self, model: str, replica: str) -> str:
        known = self._facts or self._replicas
        return known.started(model, replica)

    def _died(self, model: str, death: Death) -> None:
        self._metrics.death(model, death.tenant)
        self._changes.happened()

    def _hurry(self, model: str, replica: str) -> None:
        self._replicas.hurry(model, replica)


async def _first(following: "asyncio.Future[None]", stop: asyncio.Event) -> None:
    """Waits for `stop`. A source that ends has failed, and so has the process."""
    stopped = asyncio.create_task(stop.wait())
    either: set[asyncio.Future[Any]] = {following, stopped}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if following.done():
        following.result()
        raise RuntimeError("the source of the models ended")
