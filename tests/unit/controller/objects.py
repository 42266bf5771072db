"""Objects as watches tell of them, for the tests of what is made of them."""

from __future__ import annotations

from typing import Any

from llmstack.desired.metadata import DEPLOYMENT_LABEL
from llmstack.kube.kinds import LLM_DEPLOYMENT, POD, Kind

Object = dict[str, Any]


def thing(
    kind: Kind = POD,
    name: str = "a-1",
    version: int = 1,
    uid: str = "",
    owner: str = "a",
    namespace: str = "team",
    **content: Any,
) -> Object:
    """One object; without an `owner` it has no label, without a `namespace` none."""
    metadata: Object = {"name": name, "uid": uid or name, "resourceVersion": str(version)}
    if namespace:
        metadata["namespace"] = namespace
    if owner and kind != LLM_DEPLOYMENT:
        metadata["labels"] = {DEPLOYMENT_LABEL: owner}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}


def model(name: str = "a", version: int = 1, **metadata: Any) -> Object:
    """An LLMDeployment."""
    body = thing(LLM_DEPLOYMENT, name, version, spec={"model": {"source": "hf://o/r/m.gguf"}})
    body["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    return body
