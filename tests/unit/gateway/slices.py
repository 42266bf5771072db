"""EndpointSlices as the cluster writes them."""

from __future__ import annotations

from typing import Any

READY = {"ready": True, "serving": True, "terminating": False}


def endpoint(name: str = "qwen-0", address: str = "10.0.0.1", **conditions: bool) -> dict[str, Any]:
    return {
        "addresses": [address],
        "conditions": conditions or READY,
        "targetRef": {"kind": "Pod", "name": name},
    }


def a_slice(*endpoints: dict[str, Any], name: str = "s1", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "team-a",
            "name": name,
            "labels": {"kubernetes.io/service-name": "qwen-replicas"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": list(endpoints),
        **more,
    }
