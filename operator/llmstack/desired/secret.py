"""With which key do clients reach a replica?

root Secret (one, in the operator's namespace, random) ─ server_key ─> key of each deployment
                                                       ├─ load_key ──> key of the gateway's /load
                                                       └─ peers_key ─> what gateways know each
                                                                       other by
The operator and the gateway derive alike, so nobody lists or watches Secrets.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from llmstack.api.resource import LLMDeployment
from llmstack.desired.metadata import (
    MANAGED_BY_LABEL,
    MANAGER,
    PART_OF_LABEL,
    PRODUCT,
    ROOT_KEY,
    SERVER_KEY,
    Object,
    key_secret_name,
    owned,
)

ROOT_BYTES = 32
"""How long is the root? In random bytes."""


def server_key(root: bytes, namespace: str, name: str, uid: str) -> str:
    """Return the key of a deployment's replicas: 64 hex digits.

    The uid makes the key of a deployment that is deleted and created again a new one. Names hold
    no slash, so no two deployments share a text.
    """
    return hmac.new(root, f"{namespace}/{name}/{uid}".encode(), hashlib.sha256).hexdigest()


def load_key(root: bytes) -> str:
    """Return the bearer token for the gateway's /load: 64 hex digits.

    A server key is made from a text with slashes, so none of them is the same.
    """
    return hmac.new(root, b"load", hashlib.sha256).hexdigest()


def peers_key(root: bytes) -> bytes:
    """Return the key that gateways share. Its text differs from those of all other keys."""
    return hmac.new(root, b"peers", hashlib.sha256).digest()


def build_key_secret(deployment: LLMDeployment, key: str) -> Object:
    """The key where the pods can mount it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": owned(deployment, key_secret_name(deployment)),
        "type": "Opaque",
        "data": {SERVER_KEY: _encode(key.encode())},
    }


def root_copy_name(name: str) -> str:
    """Name of the Secret from which a root that was deleted is put back."""
    return f"{name}-copy"


def build_root_secret(namespace: str, name: str, root: bytes) -> Object:
    """The Secret that all keys are derived from; its caller draws `root` at random, once."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {PART_OF_LABEL: PRODUCT, MANAGED_BY_LABEL: MANAGER},
        },
        "type": "Opaque",
        "data": {ROOT_KEY: _encode(root)},
    }


def read_root(secret: Mapping[str, Any]) -> bytes | None:
    """Return the root in a live Secret, or None if it has none that is long enough."""
    try:
        root = base64.b64decode((secret.get("data") or {}).get(ROOT_KEY, ""), validate=True)
    except (binascii.Error, ValueError, TypeError):
        return None
    return root if len(root) >= ROOT_BYTES else None


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()
