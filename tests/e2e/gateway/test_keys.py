"""Who may ask? Whoever has a key that the Secret lists, from the moment on at which it does."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import Release
from tests.e2e.stack.stack import Stack

from .keys import SECONDS, asked_for, store


@pytest.fixture
def locked(release: Release, stack: Stack, stack_images: StackImages) -> Iterator[None]:
    """The gateway asks for keys: only `first` is one."""
    with asked_for(release, stack, stack_images, first="team-a"):
        yield


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
