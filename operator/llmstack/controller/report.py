"""How do people learn about the state of their deployment?

From its status, which is written only if it differs, and from Events, one for each new reason. An
Event that cannot be written is logged and dropped, since the status has the same words.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llmstack.api.conditions import LLMDeploymentStatus, to_json
from llmstack.api.key import Key
from llmstack.api.resource import API_VERSION, KIND, LLMDeployment
from llmstack.controller.writer import Writer
from llmstack.desired.metadata import STATUS_MANAGER
from llmstack.kube.errors import ApiError
from llmstack.routing.deaths import Death
from llmstack.status import Event, death_event, events

log = logging.getLogger(__name__)

_COMPONENT = "llmstack-operator"
_BURST = 12
_REFILL_SECONDS = 30.0
_RECENT_SECONDS = 900.0
"""Seconds for which a death is recent enough that an operator which just started reports it."""


@dataclass(frozen=True)
class Subject:
    """The LLMDeployment that is reported on."""

    namespace: str
    name: str
    uid: str

    @property
    def key(self) -> Key:
        """Its key in the queue."""
        return Key(self.namespace, self.name)


class Reporter:
    """Writes status and Events."""

    def __init__(self, writer: Writer, identity: str, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._identity = identity
        self._clock = clock
        self._buckets: dict[Key, Bucket] = {}
        self._deaths: dict[Key, frozenset[str]] = {}

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._buckets.pop(key, None)
        self._deaths.pop(key, None)

    async def report(self, deployment: LLMDeployment, status: LLMDeploymentStatus) -> None:
        """Writes what has changed since the deployment was read."""
        subject = Subject(deployment.namespace, deployment.name, deployment.uid)
        await self.report_change(subject, deployment.status, status)

    async def report_deaths(self, subject: Subject, deaths: Iterable[Death]) -> None:
        """Writes an Event for each recent death that has none yet."""
        known = self._deaths.get(subject.key, frozenset())
        recent = [death for death in deaths if time.time() - death.at < _RECENT_SECONDS]
        self._deaths[subject.key] = frozenset(death.id for death in recent)
        for death in recent:
            if death.id not in known:
                await self._write_event(subject, death_event(death))

    async def report_change(
        self, subject: Subject, last: LLMDeploymentStatus, status: LLMDeploymentStatus
    ) -> None:
        """Writes what is new in `status`; nothing if it is unchanged."""
        if status == last:
            return
        await self._write_status(subject, status)
        await asyncio.gather(*(self._write_event(subject, each) for each in events(last, status)))

    async def _write_status(self, subject: Subject, status: LLMDeploymentStatus) -> None:
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            # With the uid, the API server refuses the status if another object has the name by now.
            "metadata": {
                "name": subject.name,
                "namespace": subject.namespace,
                "uid": subject.uid,
            },
            "status": to_json(status),
        }
        try:
            await self._writer.apply(body, STATUS_MANAGER, subresource="status")
        except ApiError as error:
            if not error.not_found and not error.conflict:
                raise

    async def _write_event(self, subject: Subject, event: Event) -> None:
        bucket = self._buckets.setdefault(subject.key, Bucket(_BURST, _REFILL_SECONDS))
        if not bucket.take(self._clock()):
            log.warning("%s: too many Events, dropped: %s", subject.key, event.reason)
            return
        try:
            await self._writer.create(build_event(subject, event, self._identity, time.time_ns()))
        except ApiError as error:
            if event.id and error.conflict:
                return  # Another process of the operator has written it.
            log.warning("%s: cannot write Event %s: %s", subject.key, event.reason, error)


class Bucket:
    """A token bucket: allows a burst at once, then one per `refill` seconds."""

    def __init__(self, burst: int, refill: float) -> None:
        self._burst = burst
        self._refill = refill
        self._tokens = float(burst)
        self._at = float("-inf")

    def take(self, now: float) -> bool:
        """Takes a token. Returns False if there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._refill)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def build_event(subject: Subject, event: Event, instance: str, nanoseconds: int) -> dict[str, Any]:
    """Builds the Event as `kubectl describe` shows it."""
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    seconds = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{subject.name}.{event.id or format(nanoseconds, 'x')}",
            "namespace": subject.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": subject.name,
            "namespace": subject.namespace,
            "uid": subject.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:1024],
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
        "reportingInstance": instance[:128],
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
    }
