"""How does a test have the gateway ask its clients for keys?"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

from llmstack.gateway.keys import line_for
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import NAMESPACE, Release
from tests.e2e.stack.stack import Stack

from .conftest import gateways

SECRET = "client-keys"
SECONDS = 60.0


def store(stack: Stack, **tenants: str) -> None:
    """Tenant by key, as an administrator writes them."""
    text = "\n".join(line_for(key, tenant) for key, tenant in tenants.items())
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": NAMESPACE},
        "data": {"keys": base64.b64encode(text.encode()).decode()},
    }
    stack.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(body))


@contextmanager
def asked_for(
    release: Release, stack: Stack, images: StackImages, *options: str, **tenants: str
) -> Iterator[None]:
    """While it lasts the gateway knows these keys alone; `options` are further ones of helm."""
    store(stack, **tenants)
    with replaced(stack):
        release.install(images, f"--set=gateway.auth.keysSecretRef.name={SECRET}", *options)
    try:
        yield
    finally:
        with replaced(stack):
            release.install(images)
        stack.cluster.kubectl("delete", "secret", SECRET, f"--namespace={NAMESPACE}")


@contextmanager
def replaced(stack: Stack) -> Iterator[None]:
    """Other gateways than before run after it, and no answer comes from one of those any more."""
    before = gateways(stack)
    yield
    wait_until(lambda: not gateways(stack) & before, "the gateway from before to end", SECONDS)
