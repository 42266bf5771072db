"""How do tests apply an LLMDeployment and look at what became of it?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from llmstack.api.resource import API_VERSION, KIND
from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer

Object = dict[str, Any]
SOURCE = "http://models.internal/model.gguf"


class Namespace:
    """LLMDeployments and their children in one namespace of the API server."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.server = server
        self.name = name

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.server.kubectl("-n", self.name, *arguments, stdin=stdin)

    def apply(self, name: str = "qwen", **spec: Any) -> None:
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {"model": {"source": SOURCE}, **spec},
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def get(self, kind: str, name: str) -> Object | None:
        text = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        found: Object | None = json.loads(text) if text else None
        return found

    def need(self, kind: str, name: str) -> Object:
        found = self.get(kind, name)
        assert found is not None, f"no {kind} {name}"
        return found

    def condition(self, kind: str, name: str = "qwen") -> Object:
        status = (self.get("llmd", name) or {}).get("status") or {}
        return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})

    def wait_for_children(self, name: str = "qwen") -> None:
        """Until a pass has gone through: all children are there, and the status is reported."""
        wait_until(lambda: self.settled(name), f"the children of {name}", 30)

    def settled(self, name: str = "qwen") -> bool:
        """Is the status about the newest spec, with nothing left undone?"""
        body = self.need("llmd", name)
        status = body.get("status") or {}
        return (
            status.get("observedGeneration") == body["metadata"]["generation"]
            and self.get("deployment", name) is not None
            and self.condition("SpecValid", name).get("status") == "True"
        )

    def children(self, name: str = "qwen") -> dict[str, Object]:
        """What the children say, without what differs between two runs that did the same."""
        label = f"llmstack.dev/deployment={name}"
        kinds = "deployment,service,serviceaccount,poddisruptionbudget,networkpolicy,secret,hpa"
        items = json.loads(self.kubectl("get", kinds, "-l", label, "-o", "json"))["items"]
        return {f"{item['kind']}/{item['metadata']['name']}": _essence(item) for item in items}


def _essence(item: Object) -> Object:
    metadata = item["metadata"]
    kept = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
    owners = [owner["name"] for owner in metadata.get("ownerReferences", ())]
    rest = {k: v for k, v in item.items() if k not in ("metadata", "status", "apiVersion", "data")}
    return {"metadata": kept, "owners": owners, **rest}


_LAST = 999
"""The number of replicas by which a watch's reader knows that there is nothing more to come."""


@contextmanager
def watched_replicas(server: ApiServer, namespace: str) -> Iterator[list[int]]:
    """Every value that `spec.replicas` of any Deployment in the namespace takes on meanwhile."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    seen: list[int] = []
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        version = client.get(path).json()["metadata"]["resourceVersion"]
        query = {"watch": "true", "resourceVersion": version}
        with client.stream("GET", path, params=query, timeout=None) as stream:
            reader = pool.submit(_read, stream, seen)
            try:
                yield seen
            finally:
                # An event that is sure to come after all that is of interest. The reader ends
                # before the connection is closed: it would go on to read whatever is the next to
                # get the socket's number, e.g. the pipe that kubectl prints into.
                last = ("deployment", "end")
                server.kubectl("-n", namespace, "create", *last, "--image=x", f"--replicas={_LAST}")
                reader.result(timeout=30)
                server.kubectl("-n", namespace, "delete", *last)


def _read(stream: httpx.Response, seen: list[int]) -> None:
    for line in stream.iter_lines():
        event = json.loads(line)
        replicas = event["object"]["spec"]["replicas"]
        if replicas == _LAST:
            return
        if event["type"] != "DELETED":
            seen.append(replicas)
    raise AssertionError("the API server ended the watch")
