"""How busy is each model, and which servers are wedged, as the gateway sees it?

    gateway /load ── one JSON line a change ──> LoadFollower ─> the newest view
                                                     └─ wedged servers changed ─> queue

The view is stale ten seconds after its last line: then nothing is known, which is not the same as
"no load". Where the gateway is away, it is tried again for ever, and passes go on without it.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from llmstack.controller.schedule import Key
from llmstack.desired.secret import load_key
from llmstack.errors import ConfigurationError
from llmstack.kube.errors import ApiError
from llmstack.routing.load import STREAM, VERSION, ReplicaState

log = logging.getLogger(__name__)

STALE_SECONDS = 10.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_LINE_BYTES = 4 * 1024 * 1024
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError)


@dataclass(frozen=True)
class ReplicaLoad:
    """One replica: `id` is its pod, `state` one of ready, wedged, draining, loading."""

    id: str
    state: str
    slots: int = 0
    busy: int = 0


@dataclass(frozen=True)
class ModelLoad:
    """One model: its replicas, the requests that wait, and the slots that these ask for."""

    replicas: tuple[ReplicaLoad, ...] = ()
    waiting: int = 0
    waiting_slots: int = 0

    @property
    def wedged(self) -> frozenset[str]:
        """Which pods hold their port open and answer no more?"""
        return frozenset(
            replica.id for replica in self.replicas if replica.state == ReplicaState.WEDGED
        )


@dataclass(frozen=True)
class Load:
    """All models of the gateway that said so; `epoch` changes when it began anew."""

    epoch: str = ""
    models: Mapping[Key, ModelLoad] = field(default_factory=dict)


def parse_load(line: bytes) -> Load:
    """What does a line say? Raises ValueError for another version, or what is none at all."""
    body = json.loads(line)
    if not isinstance(body, dict) or body.get("version") != VERSION:
        raise ValueError(f"/load speaks another version than {VERSION}: {line[:80]!r}")
    models = {}
    for name, model in body["models"].items():
        namespace, _, short = name.partition("/")
        models[Key(namespace, short)] = _parse_model(model)
    return Load(str(body["epoch"]), models)


def _parse_model(body: Mapping[str, Any]) -> ModelLoad:
    replicas = (
        ReplicaLoad(each["id"], each["state"], each.get("slots", 0), each.get("busy", 0))
        for each in body.get("replicas", ())
    )
    return ModelLoad(tuple(replicas), body.get("waiting", 0), body.get("waitingSlots", 0))


def wedged_changes(before: Load, after: Load) -> list[Key]:
    """Which deployments have other wedged servers now?"""
    nothing = ModelLoad()
    return sorted(
        key
        for key in before.models.keys() | after.models.keys()
        if before.models.get(key, nothing).wedged != after.models.get(key, nothing).wedged
    )


class LoadFollower:
    """Follows one gateway's /load at `url`; `changed` is called for each deployment concerned."""

    def __init__(
        self,
        url: str,
        root: Callable[[], Awaitable[bytes]],
        changed: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._url = url
        self._root = root
        self._changed = changed
        self._clock = clock
        self._load = Load()
        self._heard = float("-inf")

    def load(self) -> Load | None:
        """The newest view; None if it is stale."""
        return self._load if self._clock() < self._heard + STALE_SECONDS else None

    def wedged(self, key: Key) -> frozenset[str]:
        """Which pods of a deployment are wedged, as far as is known?"""
        load = self.load() or Load()
        return load.models.get(key, ModelLoad()).wedged

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
        for key in wedged_changes(before, load):
            self._changed(key)
