"""How busy is each model, and which servers are wedged, as the gateway sees it?

    gateway /load ── one JSON line a change ──> LoadFollower ─> the newest view ─> metrics API
                                                     └─ wedged servers, a sleeper called ─> queue

Every process of the operator follows it; only the one that leads has a queue. The view is stale ten
seconds after its last line: then nothing is known, which is not the same as "no load". Where the
gateway is away, it is tried again for ever, and passes go on without it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from llmstack.api.key import Key
from llmstack.desired.secret import load_key
from llmstack.errors import ConfigurationError
from llmstack.kube.errors import ApiError
from llmstack.observed import Demand
from llmstack.routing.load import STREAM
from llmstack.scaling.load import Load, ModelLoad, parse_load, server_changes
from llmstack.scaling.zero import Activity

log = logging.getLogger(__name__)

STALE_SECONDS = 10.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_LINE_BYTES = 4 * 1024 * 1024
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)


class LoadFollower:
    """Follows one gateway's /load at `url`; `changed` is called for each deployment concerned.

    `changed` may be set anew: a process that stands by has nobody to tell.
    """

    def __init__(
        self,
        url: str,
        root: Callable[[], Awaitable[bytes]],
        changed: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._url = url
        self._root = root
        self.changed = changed
        self._clock = clock
        self._load = Load()
        self._activity = Activity(STALE_SECONDS)
        self._heard = float("-inf")

    def load(self) -> Load | None:
        """The newest view; None if it is stale."""
        return self._load if self.age() < STALE_SECONDS else None

    def age(self) -> float:
        """Seconds since the last line; infinite before the first."""
        return self._clock() - self._heard

    def model(self, key: Key) -> ModelLoad | None:
        """How busy is a deployment? None where it is not known."""
        load = self.load()
        return load.models.get(key) if load else None

    def demand(self, key: Key) -> Demand:
        """Who asks for a deployment, as far as is known?"""
        return self._activity.demand(key, self._clock())

    async def run(self) -> None:
        """Follows for ever."""
        failures = 0
        while True:
            heard = self._heard
            try:
                await self._follow()
            except (ApiError, ConfigurationError, *_TROUBLE) as error:
                if not failures:
                    log.warning("cannot follow the load at %s: %s", self._url, error or repr(error))
            failures = failures + 1 if self._heard == heard else 1
            if self.load() is None:
                self._take(Load())
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])

    async def _follow(self) -> None:
        """Returns when the gateway ends the stream, as one that stops does."""
        headers = {"Accept": STREAM, "Authorization": f"Bearer {load_key(await self._root())}"}
        limits = aiohttp.ClientTimeout(total=None, connect=5, sock_read=STALE_SECONDS)
        async with (
            aiohttp.ClientSession(headers=headers, timeout=limits) as session,
            session.get(self._url, read_bufsize=_LINE_BYTES) as answer,
        ):
            answer.raise_for_status()
            log.info("following the load at %s", self._url)
            async for line in answer.content:
                load = parse_load(line)
                self._heard = self._clock()
                self._take(load)

    def _take(self, load: Load) -> None:
        before, self._load = self._load, load
        wanted = self._activity.see(load, self._clock())
        for key in {*server_changes(before, load), *wanted}:
            self.changed(key)
