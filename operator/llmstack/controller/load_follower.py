"""How busy is each model, and which servers are wedged, as the gateway sees it?

    gateway /load ── one JSON line per change ──> LoadFollower ─> the newest view ─> metrics API
                                                     └─ wedged servers, a sleeper called ─> queue

Every process of the operator follows it; only the leader has a queue. The view is stale ten seconds
after its last line. Then nothing is known, which is not the same as no load. While the gateway is
unreachable it is retried forever, and passes go on without it. A name that resolves to several
addresses stands for several gateways, all of which are followed (scaling/several.py).
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from llmstack.api.key import Key
from llmstack.desired.secret import load_key
from llmstack.errors import ConfigurationError
from llmstack.kube.errors import ApiError
from llmstack.observed import Demand
from llmstack.routing.load import STREAM
from llmstack.scaling.gateway_load import GatewayLoad, ModelLoad, server_changes
from llmstack.scaling.load_page import parse_load
from llmstack.scaling.several import Kept, merged
from llmstack.scaling.zero import Activity

log = logging.getLogger(__name__)

STALE_SECONDS = 10.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_LOOKUP_SECONDS = 2.0
_LINE_BYTES = 4 * 1024 * 1024
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)


class LoadFollower:
    """Follows /load at `url`. `changed` is called for each deployment concerned.

    `changed` may be replaced; a process that stands by has nobody to tell.
    """

    def __init__(
        self,
        url: str,
        root: Callable[[], Awaitable[bytes]],
        changed: Callable[[Key], None],
        clock: Callable[[], float],
        lookup: Callable[[URL], Awaitable[set[str]]] | None = None,
    ) -> None:
        """`lookup` returns the addresses that an URL's name resolves to, none if unknown."""
        self._url = URL(url)
        self._lookup = lookup or _addresses
        self._root = root
        self.changed = changed
        self._clock = clock
        self._load = GatewayLoad()
        self._activity = Activity(STALE_SECONDS)
        self._heard = float("-inf")
        self._views: dict[str, tuple[GatewayLoad, float]] = {}
        self._kept: Mapping[Key, Kept] = {}
        self._sources: dict[str, asyncio.Task[None]] = {}

    def load(self) -> GatewayLoad | None:
        """Returns the newest view, or None if it is stale."""
        return self._load if self.age() < STALE_SECONDS else None

    def age(self) -> float:
        """Returns the seconds since the last line; infinite before the first."""
        return self._clock() - self._heard

    def model(self, key: Key) -> ModelLoad | None:
        """Returns the load of a deployment, or None if unknown."""
        load = self.load()
        return load.models.get(key) if load else None

    def demand(self, key: Key) -> Demand:
        """Returns who asks for a deployment, as far as is known."""
        return self._activity.demand(key, self._clock())

    async def run(self) -> None:
        """Follows all gateways until cancelled."""
        try:
            while True:
                await self._meet()
                await asyncio.sleep(_LOOKUP_SECONDS)
        finally:
            for task in self._sources.values():
                task.cancel()
            await asyncio.gather(*self._sources.values(), return_exceptions=True)

    async def _meet(self) -> None:
        """Follows each address that the name resolves to, and drops the others soon."""
        addresses = await self._lookup(self._url) or set(self._sources) or {self._url.host or ""}
        for address in addresses - self._sources.keys():
            self._sources[address] = asyncio.create_task(self._keep(address))
        for address in self._sources.keys() - addresses:
            if address not in self._views:
                self._sources.pop(address).cancel()

    async def _keep(self, address: str) -> None:
        """Follows one gateway until cancelled."""
        failures = 0
        while True:
            heard = self._views.get(address)
            try:
                await self._follow(address)
            except (ApiError, ConfigurationError, *_TROUBLE) as error:
                if not failures:
                    log.warning("cannot follow the load at %s: %s", self._url, error or repr(error))
            failures = failures + 1 if self._views.get(address) == heard else 1
            self._lost(address)
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])

    async def _follow(self, address: str) -> None:
        """Follows one stream. Returns when the gateway ends it, as it does when it stops."""
        headers = {"Accept": STREAM, "Authorization": f"Bearer {load_key(await self._root())}"}
        limits = aiohttp.ClientTimeout(total=None, connect=5, sock_read=STALE_SECONDS)
        async with (
            aiohttp.ClientSession(headers=headers, timeout=limits) as session,
            session.get(self._url.with_host(address), read_bufsize=_LINE_BYTES) as answer,
        ):
            answer.raise_for_status()
            log.info("following the load at %s", self._url)
            async for line in answer.content:
                load = parse_load(line)
                self._heard = self._clock()
                self._views[address] = load, self._heard
                self._take()

    def _lost(self, address: str) -> None:
        """Handles a gateway's silence. Its models get other owners; a single one is waited for."""
        now = self._clock()
        view = self._views.get(address)
        if view is not None and (view[0].shared or now - view[1] >= STALE_SECONDS):
            del self._views[address]
            if self._views:
                self._take()
        if self.load() is None:
            self._views.clear()
            self._kept = {}
            self._set(GatewayLoad())

    def _take(self) -> None:
        now = self._clock()
        fresh = [load for load, at in self._views.values() if now - at < STALE_SECONDS]
        load, self._kept = merged(fresh, self._kept, now, STALE_SECONDS)
        self._set(load)

    def _set(self, load: GatewayLoad) -> None:
        before, self._load = self._load, load
        wanted = self._activity.see(load, self._clock())
        for key in {*server_changes(before, load), *wanted}:
            self.changed(key)


async def _addresses(url: URL) -> set[str]:
    """Returns the addresses that the URL's name resolves to; empty if that fails."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(each[4][0]) for each in found}
