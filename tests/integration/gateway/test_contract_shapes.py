"""Does the fake llama-server say anything that the real one does not? Field by field, on both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.gateway.llamas import SLOW
from tests.support.llama.client import Client, Reply
from tests.support.llama.fake import FakeLlama
from tests.support.llama.real import KEY, RealLlama

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "temperature": 0}
USAGE = {"stream_options": {"include_usage": True}}
ASKED = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", CHAT | {"n": 2}),
    ("/v1/chat/completions", CHAT | {"stream": True}),
    ("/v1/chat/completions", CHAT | {"stream": True} | USAGE),
    ("/v1/completions", {"prompt": "Hi", "max_tokens": 3}),
    ("/v1/completions", {"prompt": "Hi", "max_tokens": 3, "stream": True}),
    ("/completion", {"prompt": "Hi", "n_predict": 3}),
    ("/completion", {"prompt": "Hi", "n_predict": 3, "stream": True}),
    ("/tokenize", {"content": "Hi"}),
    ("/apply-template", {"messages": CHAT["messages"]}),
    ("/nothing", {}),
    ("/v1/chat/completions", CHAT | {"n": 3}),
    ("/completion", {"prompt": "a " * 1500}),
    ("/slots", None),
    ("/props", None),
    ("/v1/models", None),
]


def fields(value: Any, path: str = "") -> set[str]:
    """`choices[].index:int` and so on; whole numbers and others are told apart."""
    if isinstance(value, dict):
        found = {f"{path}:object"}
        return found.union(*(fields(inner, f"{path}.{name}") for name, inner in value.items()))
    if isinstance(value, list):
        return {f"{path}:array"}.union(*(fields(inner, f"{path}[]") for inner in value))
    return {f"{path}:{type(value).__name__}"}


def said(reply: Reply) -> set[str]:
    """All fields of an answer; of each event of a stream."""
    if reply.headers["content-type"] == "text/event-stream":
        return set().union(*(fields(event) for event in reply.events()))
    return fields(reply.json())


@pytest.mark.parametrize(
    ("path", "body"), ASKED, ids=lambda value: value if isinstance(value, str) else None
)
async def test_what_the_fake_says_the_real_one_says(
    real_generator: RealLlama, path: str, body: object
) -> None:
    async with FakeLlama.running(SLOW) as fake:
        replies = []
        for client in (Client(fake.port, KEY), Client(real_generator.port, KEY)):
            while (await client.get("/health")).status != 200:
                pass
            assert (await client.post("/completion", {"prompt": "a", "n_predict": 1})).body
            replies.append(await (client.get(path) if body is None else client.post(path, body)))
    of_fake, of_real = replies
    assert of_fake.status == of_real.status
    assert of_fake.headers.keys() == of_real.headers.keys()
    assert said(of_fake) - said(of_real) == set()
