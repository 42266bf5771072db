"""How does the operator read what it has just written?

Each answer to a write goes to where passes read from, before anybody can ask: the store for what is
watched, Named for what is read by name. A watch that lags shows nothing older afterwards.
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
"""A resourceVersion that no object has: etcd begins to count with the first key above it."""


class AlreadyThere(ApiError):
    """There is an object of that name, of which the store does not know."""


class Writer:
    """The calls of a pass that change something, as KubeClient has them."""

    def __init__(self, client: KubeClient, sight: Sight, named: Named) -> None:
        self._client = client
        self._sight = sight
        self._named = named

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object as the API server has it, where the watches have not told of it."""
        found = await self._client.get(kind, namespace, name)
        if found and kind in CHILDREN and _labels(found) >= MANAGED:
            self._sight.note(kind, found)
        return found

    async def apply(
        self, body: Object, manager: str, *, subresource: str = "", force: bool = True
    ) -> Object:
        """The object after a server-side apply (KubeClient.apply)."""
        answer = await self._client.apply(body, manager, subresource=subresource, force=force)
        return self._noted(answer)

    async def create_by_apply(self, body: Object, manager: str) -> Object:
        """The object that this apply has created. Raises AlreadyThere if there is one of its name.

        An apply cannot be told to create only. But one that names a version is refused unless the
        object has it, and where there is no object the version is not looked at.
        """
        metadata = {**body["metadata"], "resourceVersion": _NO_OBJECT_HAS_IT}
        try:
            return await self.apply({**body, "metadata": metadata}, manager)
        except ApiError as error:
            if error.conflict:
                raise AlreadyThere(error.status, error.reason, error.message) from error
            raise

    async def overwrite(self, body: Object, manager: str, resource_version: str) -> Object:
        """The object after a merge patch (KubeClient.overwrite)."""
        return self._noted(await self._client.overwrite(body, manager, resource_version))

    async def create(self, body: Object) -> Object:
        """The created object. ApiError.conflict if there is one already."""
        return await self._client.create(body)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes this very object."""
        kept = await self._client.delete(kind, namespace, name, uid)
        if kept:
            self._noted(kept)
        else:
            self._sight.removed(kind, (namespace, name), uid)
            self._named.removed(kind, namespace, name)

    async def scale(self, live: Mapping[str, Any], replicas: int, manager: str) -> None:
        """Sets a Deployment's replicas. ApiError.conflict if it changed since it was read."""
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
    """The Deployment as it is after /scale: nothing else has changed since `live` was read."""
    metadata = {
        **live["metadata"],
        "resourceVersion": scale["resourceVersion"],
        "generation": live["metadata"].get("generation", 0) + 1,
    }
    return {**live, "metadata": metadata, "spec": {**live["spec"], "replicas": replicas}}
