"""Who may ask? Whoever has a key that the Secret lists, from the moment on at which it does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

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
def replaced(stack: Stack) -> Iterator[None]:
    """Other gateways than before run after it, and no answer comes from one of those any more."""
    before = gateways(stack)
    yield
    wait_until(lambda: not gateways(stack) & before, "the gateway from before to end", SECONDS)


@pytest.fixture
def locked(release: Release, stack: Stack, stack_images: StackImages) -> Iterator[None]:
    """The gateway asks for keys: only `first` is one."""
    store(stack, first="team-a")
    with replaced(stack):
        release.install(stack_images, f"--set=gateway.auth.keysSecretRef.name={SECRET}")
    yield
    with replaced(stack):
        release.install(stack_images)
    stack.cluster.kubectl("delete", "secret", SECRET, f"--namespace={NAMESPACE}")


@pytest.mark.usefixtures("locked")
def test_only_known_keys_open_and_a_changed_secret_counts_at_once(stack: Stack, chat: str) -> None:
    body = {
        "model": stack.full_name(chat),
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 4,
    }

    def status(key: str) -> int:
        with stack.gateway(key) as client:
            return client.post("/v1/chat/completions", json=body).status_code

    assert status("") == httpx.codes.UNAUTHORIZED
    assert status("first") == httpx.codes.OK
    assert status("second") == httpx.codes.UNAUTHORIZED

    store(stack, second="team-b")

    wait_until(lambda: status("second") == httpx.codes.OK, "the new key to count", SECONDS)
    assert status("first") == httpx.codes.UNAUTHORIZED


@pytest.mark.usefixtures("locked")
def test_a_refusal_has_the_shape_of_openai(stack: Stack) -> None:
    with stack.gateway("wrong") as client:
        refusal = client.get("/v1/models")

    assert refusal.status_code == httpx.codes.UNAUTHORIZED
    error = refusal.json()["error"]
    assert error["code"] == "invalid_api_key"
    assert set(error) == {"message", "type", "param", "code"}
