"""What is read by name because it is not watched, and how often?

Secrets, the ConfigMap of authorities, and claims of the user. Each is cached per deployment:

    not read yet                          read
    found                                 read again at the resync
    missing, or a claim that is pending   read again after 20 s, then after growing pauses, and at
                                          the resync as well

For a user's Secret only its existence is kept. A child that belongs to another deployment, such as
an earlier one with the same name, is read every time, because nothing tells when it goes.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from llmstack.api.key import Key
from llmstack.api.resource import LLMDeployment
from llmstack.controller.pauses import Pause
from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.desired.prune import is_owned
from llmstack.kube.client import KubeClient
from llmstack.kube.kinds import Kind
from llmstack.kube.objects import Object, bare

_PAUSES = (20.0, 90.0)
"""Seconds of the first and of the longest pause."""


@dataclass
class _Known:
    """What was read, when, and when it is read again if it is missing or pending."""

    body: Object | None
    read_at: float
    pause: Pause


class Named:
    """Objects by name, cached for up to `keep` seconds."""

    def __init__(self, client: KubeClient, keep: float, clock: Callable[[], float]) -> None:
        self._client = client
        self._keep = keep
        self._clock = clock
        self._known: dict[Key, dict[tuple[Kind, str], _Known]] = defaultdict(dict)

    async def get(self, key: Key, kind: Kind, name: str) -> Object | None:
        """Returns the object with that name in the deployment's namespace, or None.

        While it is missing or pending it is looked for again, because it is needed.
        """
        return (await self._newest(key, kind, name, needed=True)).body

    async def child(self, deployment: LLMDeployment, kind: Kind, name: str) -> Object | None:
        """Returns the object with the name of a child of the deployment, or None."""
        key = Key(deployment.namespace, deployment.name)
        return (await self._newest(key, kind, name, needed=False, owner=deployment)).body

    async def is_there(self, key: Key, kind: Kind, name: str) -> bool:
        """True if the object exists. Its content is not kept."""
        known = await self._newest(key, kind, name, needed=True)
        if known.body:
            known.body = {}
        return known.body is not None

    def look_in(self, key: Key) -> float | None:
        """Returns the seconds until something missing or pending is read again, or None."""
        waits = [
            known.pause.left(self._clock())
            for known in self._known.get(key, {}).values()
            if known.pause.waits
        ]
        return min(waits, default=None)

    def only(self, key: Key, wanted: Collection[tuple[Kind, str]]) -> None:
        """Forgets what the deployment no longer names."""
        known = self._known.get(key, {})
        for name in known.keys() - set(wanted):
            del known[name]

    def wrote(self, kind: Kind, body: Object) -> None:
        """Takes the answer to a write of a child."""
        metadata = body["metadata"]
        owner = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
        if owner:
            key = Key(metadata["namespace"], owner)
            known = _Known(bare(body), self._clock(), Pause(*_PAUSES))
            self._known[key][kind, metadata["name"]] = known

    def removed(self, kind: Kind, namespace: str, name: str) -> None:
        """Forgets an object that the operator deleted, so that the next pass reads it again."""
        for key, known in self._known.items():
            if key.namespace == namespace:
                known.pop((kind, name), None)

    def forget(self, key: Key) -> None:
        """Forgets a deployment that is gone."""
        self._known.pop(key, None)

    async def _newest(
        self,
        key: Key,
        kind: Kind,
        name: str,
        *,
        needed: bool,
        owner: LLMDeployment | None = None,
    ) -> _Known:
        """Returns what is known, read again if too old or owned by another than `owner`."""
        known = self._known[key].get((kind, name))
        if known is None or self._is_old(known, needed=needed) or _is_strange(known, owner):
            known = await self._read(key, kind, name, known, needed=needed)
        return known

    def _is_old(self, known: _Known, *, needed: bool) -> bool:
        now = self._clock()
        if needed and known.pause.waits and known.pause.left(now) <= 0:
            return True
        return now >= known.read_at + self._keep

    async def _read(
        self, key: Key, kind: Kind, name: str, known: _Known | None, *, needed: bool
    ) -> _Known:
        pause = known.pause if known else Pause(*_PAUSES)
        body = await self._client.get(kind, key.namespace, name)
        found = _Known(bare(body) if body else None, self._clock(), pause)
        if needed and _is_waited_for(body):
            pause.begin(self._clock())
        else:
            pause.end()
        self._known[key][kind, name] = found
        return found


def _is_strange(known: _Known, owner: LLMDeployment | None) -> bool:
    return owner is not None and known.body is not None and not is_owned(known.body, owner)


def _is_waited_for(body: Object | None) -> bool:
    """True if the object is missing, or is a claim without a volume."""
    if body is None:
        return True
    return body.get("kind") == "PersistentVolumeClaim" and (
        (body.get("status") or {}).get("phase", "Pending") == "Pending"
    )
