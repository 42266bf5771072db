"""Which warnings do Events contain about what is stuck, and how often are they read?

Some problems show only in Events (a volume that cannot be mounted, a pod that cannot be created).
They are read while something of a deployment is stuck: after some seconds, then after pauses that
grow from 20 s to 5 min. One list of a namespace's warnings serves all deployments that ask
meanwhile.
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
"""Seconds before the first read; most of what is pending makes progress within them."""
_PAUSES = (20.0, 300.0)
"""Seconds of the first and of the longest pause."""
_FRESH_SECONDS = 20.0
"""Seconds for which a list serves other deployments, too."""


@dataclass(frozen=True)
class Warnings:
    """The latest warnings: about a pod's mounts, about claims, about Jobs, each by uid."""

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
    """Reads Events for deployments that are stuck, with growing pauses for each."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._listed: dict[str, _Listed] = defaultdict(_Listed)
        self._pauses: dict[Key, Pause] = {}

    async def read(self, key: Key, *, stuck: bool) -> Warnings:
        """Returns the current warnings. `stuck` says whether the deployment makes no progress."""
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
        """Returns the seconds until Events are read again, or None if nothing is stuck."""
        pause = self._pauses.get(key)
        return pause.left(self._clock()) if pause else None

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
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
    """Parses Events about pods' mounts, claims and Jobs."""
    found = list(events)
    return Warnings(volume_messages(found), claim_messages(found), job_messages(found))
