"""How does the operator read what it has just written?

Every answer to a write goes where passes read from, before anybody can ask: into the store for what
is watched, into Named for what is read by name. A watch that lags cannot replace it by older state.
"""

from collections.abc import Mapping
from typing import Any

from llmstack.controller.named import Named
from llmstack.controller.sight import Sight
from llmstack.controller.watched import CHILDREN, WATCHED
from llmstack.desired.metadata import MANAGED_BY_LABEL, MANAGER
from llmstack.kube.client import KubeClient, identify
from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import DEPLOYMENT, LLM_DEPLOYMENT, Kind

Object = dict[str, Any]
MANAGED = {(MANAGED_BY_LABEL, MANAGER)}


_NO_OBJECT_HAS_IT = "1"
"""A resourceVersion that no object has: etcd's first key gets a higher one."""


class AlreadyThere(ApiError):
    """An object with this name exists, but the store does not know it."""


class Writer:
    """The calls of KubeClient by which a pass changes something."""

    def __init__(self, client: KubeClient, sight: Sight, named: Named) -> None:
        self._client = client
        self._sight = sight
        self._named = named

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Reads an object that the watches have not reported from the API server."""
        found = await self._client.get(kind, namespace, name)
        if found and kind in CHILDREN and _labels(found) >= MANAGED:
            self._sight.note(kind, found)
        return found

    async def apply(
        self, body: Object, manager: str, *, subresource: str = "", force: bool = True
    ) -> Object:
        """Applies an object (KubeClient.apply). Returns it as it is then."""
        answer = await self._client.apply(body, manager, subresource=subresource, force=force)
        return self._noted(answer)

    async def create_by_apply(self, body: Object, manager: str) -> Object:
        """Creates an object by an apply. Raises AlreadyThere if one with its name exists.

        An apply cannot be restricted to creating. But an apply with a resourceVersion is refused
        unless the object has it, and without an object the version is ignored.
        """
        metadata = {**body["metadata"], "resourceVersion": _NO_OBJECT_HAS_IT}
        try:
            return await self.apply({**body, "metadata": metadata}, manager)
        except ApiError as error:
            if error.conflict:
                raise AlreadyThere(error.status, error.reason, error.message) from error
            raise

    async def overwrite(self, body: Object, manager: str, resource_version: str) -> Object:
        """Overwrites an object (KubeClient.overwrite). Returns it as it is then."""
        return self._noted(await self._client.overwrite(body, manager, resource_version))

    async def create(self, body: Object) -> Object:
        """Creates an object and returns it. Raises ApiError.conflict if it exists."""
        return await self._client.create(body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes exactly this object."""
        kept = await self._client.delete(kind, namespace, name, uid)
        if kept:
            self._noted(kept)
        else:
            self._sight.removed(kind, (namespace, name), uid)
            self._named.removed(kind, namespace, name)

    async def scale(self, live: Mapping[str, Any], replicas: int, manager: str) -> None:
        """Sets a Deployment's replicas. Raises ApiError.conflict if it has changed since."""
        metadata = live["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        version = metadata["resourceVersion"]
        answer = await self._client.scale(namespace, name, replicas, version, manager)
        self._sight.note(DEPLOYMENT, _scaled(live, replicas, answer["metadata"]))

    def _noted(self, answer: Object) -> Object:
        kind, _, _ = identify(answer)
        if kind == LLM_DEPLOYMENT:
            self._sight.answered(answer)
        elif kind in WATCHED:
            self._sight.note(kind, answer)
        else:
            self._named.wrote(kind, answer)
        return answer


def _labels(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    return set((body["metadata"].get("labels") or {}).items())


def _scaled(live: Mapping[str, Any], replicas: int, scale: Mapping[str, Any]) -> Object:
    """Returns the Deployment after /scale: nothing else has changed since `live` was read."""
    metadata = {
        **live["metadata"],
        "resourceVersion": scale["resourceVersion"],
        "generation": live["metadata"].get("generation", 0) + 1,
    }
    return {**live, "metadata": metadata, "spec": {**live["spec"], "replicas": replicas}}
