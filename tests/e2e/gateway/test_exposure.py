"""Does what the chart opens to the outside carry traffic? Through the real Traefik, over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.cluster.processes import wait_until
from tests.e2e.cluster.provider import Provider
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import Release
from tests.e2e.stack.stack import Stack

from .keys import asked_for
from .traefik import SECRET, WayIn, traefik

BY_INGRESS, BY_ROUTE = "ingress.example.org", "route.example.org"
KEY = "outside"
LARGE = 4 * 2**20


@pytest.fixture(scope="module")
def way_in(
    cluster: Provider,
    release: Release,
    stack: Stack,
    stack_images: StackImages,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WayIn]:
    """The chart's Ingress and HTTPRoute lead to the gateway, and it asks for keys."""
    directory = tmp_path_factory.mktemp("traefik")
    with traefik(cluster, directory, BY_INGRESS, BY_ROUTE) as found:
        ingress = {
            "enabled": True,
            "className": "traefik",
            "hosts": [BY_INGRESS],
            "tls": {"secretName": SECRET},
        }
        parent = {"name": "public", "namespace": found.namespace, "sectionName": "https"}
        route = {"enabled": True, "parentRefs": [parent], "hostnames": [BY_ROUTE]}
        options = (
            f"--set-json=gateway.ingress={json.dumps(ingress)}",
            f"--set-json=gateway.httpRoute={json.dumps(route)}",
        )
        with asked_for(release, stack, stack_images, *options, **{KEY: "team-a"}):
            yield found


@pytest.fixture(params=[BY_INGRESS, BY_ROUTE], ids=["ingress", "route"])
def outside(request: pytest.FixtureRequest, way_in: WayIn) -> Iterator[httpx.Client]:
    """A client with a key, once the way is open."""
    with way_in.client(request.param, KEY) as client:
        wait_until(lambda: _open(client), f"{request.param} to lead to the gateway", seconds=60)
        yield client


def _open(client: httpx.Client) -> bool:
    try:
        return client.get("/v1/models").is_success
    except httpx.TransportError:
        return False


def busy(client: httpx.Client, model: str) -> int:
    """Slots of the model that compute now, as the gateway sees it."""
    (entry,) = (
        each
        for each in client.get("/v1/models").raise_for_status().json()["data"]
        if f"{each['owned_by']}/{each['id']}" == model
    )
    return int(entry["slots"]["busy"])


def test_a_stream_comes_while_it_is_decoded(stack: Stack, chat: str, outside: httpx.Client) -> None:
    model = stack.full_name(chat)
    body = {
        "model": model,
        "prompt": "The sea",
        "max_tokens": 800,
        "ignore_eos": True,
        "stream": True,
    }
    with outside.stream("POST", "/v1/completions", json=body) as answer:
        lines = answer.iter_lines()  # Held: httpx closes what nobody reads from any more.
        first = next(lines)

        assert json.loads(first.removeprefix("data: "))["choices"]
        assert busy(outside, model) == 1
    # The client has left before the end: so that this arrives, too, nothing may stand in between.
    wait_until(lambda: busy(outside, model) == 0, "the slot to be free", seconds=30)


def test_a_whole_stream_is_whole(stack: Stack, chat: str, outside: httpx.Client) -> None:
    body = {"model": stack.full_name(chat), "prompt": "The sea", "max_tokens": 64}
    body |= {"ignore_eos": True, "temperature": 0}
    plain = outside.post("/v1/completions", json=body).raise_for_status().json()

    with outside.stream("POST", "/v1/completions", json={**body, "stream": True}) as answer:
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]

    assert events.pop() == "[DONE]"
    texts = [choice["text"] for event in events for choice in json.loads(event)["choices"]]
    assert "".join(texts) == plain["choices"][0]["text"]


def test_a_large_body_reaches_the_gateway(stack: Stack, chat: str, outside: httpx.Client) -> None:
    body = {"model": stack.full_name(chat), "prompt": "sea " * (LARGE // 4), "max_tokens": 1}
    refused = outside.post("/v1/completions", json=body)

    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert "context" in refused.json()["error"]["message"]


def test_nobody_comes_in_without_a_key(way_in: WayIn, outside: httpx.Client) -> None:
    with way_in.client(outside.headers["host"]) as stranger:
        refusal = stranger.get("/v1/models")

    assert refusal.status_code == httpx.codes.UNAUTHORIZED
    assert refusal.json()["error"]["code"] == "invalid_api_key"
