"""What can the operator ask of the Kubernetes API?

The only module that calls it. Objects go in and come out as plain dictionaries, as the API server
writes them; `None` stands for an object that does not exist.
"""

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from llmstack.kube.errors import ApiError
from llmstack.kube.kinds import DEPLOYMENT, POD, Kind, kind_of
from llmstack.kube.paging import pages
from llmstack.kube.transport import APPLY, JSON, MERGE, Transport

log = logging.getLogger(__name__)
Object = dict[str, Any]


class KubeClient:
    """Typed calls over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        try:
            return await self._json("GET", kind, kind.path(namespace, name))
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects of a kind, in one namespace or all, that match the selectors."""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        given = {key: value for key, value in selectors.items() if value}

        async def ask(query: Mapping[str, str]) -> Object:
            return await self._json("GET", kind, kind.path(namespace), query=query)

        # The items of a list do not say what they are.
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return [
            {**head, **item} async for page in pages(ask, given) for item in page.get("items") or ()
        ]

    async def peek(self, kind: Kind, namespace: str | None = None) -> None:
        """Raises ApiError where the kind cannot be listed. It costs the API server next to nothing:
        at most one object, from its cache.
        """
        query = {"limit": "1", "resourceVersion": "0", "labelSelector": "llmstack.dev/none"}
        await self._json("GET", kind, kind.path(namespace), query=query)

    async def create(self, body: Object) -> Object:
        """The created object. ApiError.conflict if there is one already."""
        kind, namespace, _ = identify(body)
        return await self._json("POST", kind, kind.path(namespace), body=body)

    async def replace(self, body: Object) -> Object:
        """The replaced object. ApiError.conflict if `resourceVersion` is no longer the newest."""
        kind, namespace, name = identify(body)
        return await self._json("PUT", kind, kind.path(namespace, name), body=body)

    async def apply(
        self, body: Object, manager: str, *, subresource: str = "", force: bool = True
    ) -> Object:
        """The object after a server-side apply.

        With `force` it takes over contested fields; without, they are an ApiError.conflict.
        Unknown fields are refused, so that a typing error in a passed-on part of the spec is
        answered by the API server's words instead of being dropped.
        """
        kind, namespace, name = identify(body)
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        query |= {"force": "true"} if force else {}
        path = kind.path(namespace, name, subresource)
        return await self._json("PATCH", kind, path, query=query, body=body, content_type=APPLY)

    async def overwrite(self, body: Object, manager: str, resource_version: str) -> Object:
        """The object after a merge patch: its lists are replaced as a whole.

        An apply leaves list items of others in place, which can make the result invalid (two ports
        of one name). ApiError.conflict if `resource_version` is no longer the newest.
        """
        kind, namespace, name = identify(body)
        metadata = {**body["metadata"], "resourceVersion": resource_version}
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        path, whole = kind.path(namespace, name), {**body, "metadata": metadata}
        return await self._json("PATCH", kind, path, query=query, body=whole, content_type=MERGE)

    async def annotate(
        self, kind: Kind, namespace: str, name: str, annotations: Mapping[str, str], manager: str
    ) -> None:
        """Sets some annotations; the rest of the object stays as it is."""
        body = {"metadata": {"annotations": dict(annotations)}}
        path, query = kind.path(namespace, name), {"fieldManager": manager}
        await self._json("PATCH", kind, path, query=query, body=body, content_type=MERGE)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> Object | None:
        """Deletes this very object; one that is gone, or another of its name, is left alone.

        Returns the object as long as finalizers keep it; None if it is gone.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            answer = await self._json("DELETE", kind, kind.path(namespace, name), body=body)
        except ApiError as error:
            if not error.not_found and not error.conflict:
                raise
            return None
        # Some kinds answer with what was deleted, others with a Status.
        return answer if "deletionTimestamp" in answer.get("metadata", {}) else None

    async def scale(
        self, namespace: str, name: str, replicas: int, resource_version: str, manager: str
    ) -> Object:
        """Sets a Deployment's replicas. ApiError.conflict if it changed since it was read.

        Returns the Scale, whose resourceVersion is the Deployment's.
        """
        metadata = {"name": name, "namespace": namespace, "resourceVersion": resource_version}
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": metadata,
            "spec": {"replicas": replicas},
        }
        path = DEPLOYMENT.path(namespace, name, "scale")
        query = {"fieldManager": manager}
        return await self._json("PUT", DEPLOYMENT, path, query=query, body=body)

    async def log_tail(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False
    ) -> str:
        """The last lines of a container's log; of its previous run if asked. "" if there is none.

        At most 256 KiB are taken, whatever the lines' lengths are. A node that is away cannot be
        asked for its logs: that keeps nobody from learning the rest.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(256 * 1024)}
        if previous:
            query["previous"] = "true"
        try:
            path = POD.path(namespace, pod, "log")
            return await self._transport.call("GET", path, plural="pods/log", query=query)
        except ApiError as error:
            if error.status not in (400, 404):  # not started yet, or gone
                log.warning(
                    "%s/%s: cannot read the log of %s: %s", namespace, pod, container, error
                )
            return ""

    async def _json(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = JSON,
    ) -> Object:
        text = await self._transport.call(
            method,
            path,
            plural=kind.plural,
            query=query,
            body=body,
            content_type=content_type,
        )
        answer: Object = orjson.loads(text)
        return answer


def identify(body: Mapping[str, Any]) -> tuple[Kind, str, str]:
    """Kind, namespace and name of an object; the name is "" while it is to be generated."""
    metadata = body["metadata"]
    kind = kind_of(body["apiVersion"], body["kind"])
    return kind, metadata.get("namespace", ""), metadata.get("name", "")
