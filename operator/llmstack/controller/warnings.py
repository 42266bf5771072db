"""Which warnings have Events for what is not getting on, and how often are they read?

What only Events tell (a volume that cannot be mounted, a pod that cannot be created) is read while
something of a deployment is not getting on: after some seconds, then in pauses that grow from 20 s
to 5 min. One list of a namespace's warnings serves all deployments that ask meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from llmstack.api.key import Key
from llmstack.controller.observe_events import claim_messages, job_messages, volume_messages
from llmstack.controller.pauses import Pause
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import EVENT

_FIRST_SECONDS = 5.0
"""Most of what is pending gets on within so long."""
_PAUSES = (20.0, 300.0)
_FRESH_SECONDS = 20.0


@dataclass(frozen=True)
class Warnings:
    """The newest warning about mounts of a pod, about a claim, about a Job, each by its uid."""

    volumes: dict[str, str] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)


@dataclass
class _Listed:
    """A namespace's warnings, and when they were read."""

    warnings: Warnings = field(default_factory=Warnings)
    at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class WarningReader:
    """Reads Events for those who ask, and remembers whom it has told what."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._listed: dict[str, _Listed] = defaultdict(_Listed)
        self._pauses: dict[Key, Pause] = {}

    async def read(self, key: Key, *, stuck: bool) -> Warnings:
        """What is known now. `stuck`: something of the deployment is not getting on."""
        if not stuck:
            self._pauses.pop(key, None)
            return Warnings()
        listed = self._listed[key.namespace]
        pause = self._pauses.get(key)
        if pause is None:
            self._pauses[key] = pause = Pause(*_PAUSES)
            pause.begin(self._clock(), first=_FIRST_SECONDS)
        elif pause.left(self._clock()) <= 0:
            await self._refresh(key.namespace, listed)
            pause.begin(self._clock())
        return listed.warnings

    def look_in(self, key: Key) -> float | None:
        """After how many seconds Events are read again; None if nothing is stuck."""
        pause = self._pauses.get(key)
        return pause.left(self._clock()) if pause else None

    def forget(self, key: Key) -> None:
        """The deployment is gone."""
        self._pauses.pop(key, None)
        if not any(other.namespace == key.namespace for other in self._pauses):
            self._listed.pop(key.namespace, None)

    async def _refresh(self, namespace: str, listed: _Listed) -> None:
        async with listed.lock:
            if self._clock() < listed.at + _FRESH_SECONDS:
                return
            started = self._clock()
            events = await self._client.list(EVENT, namespace, fields="type=Warning")
            listed.warnings, listed.at = parse(events), started


def parse(events: Iterable[dict[str, Any]]) -> Warnings:
    """What the Events tell of pods' mounts, claims and Jobs."""
    found = list(events)
    return Warnings(volume_messages(found), claim_messages(found), job_messages(found))
