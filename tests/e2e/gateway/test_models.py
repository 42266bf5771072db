"""Under which names is a model reached, and what can it be asked?"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.stack.images import StackImages
from tests.e2e.stack.stack import Stack
from tests.support.llama.rerank_model import rerank_model

from .clients import HERE, client, config_map
from .conftest import ALIAS, SLOTS

PROMPT = "Write one sentence about the sea."


@pytest.fixture
def gateway(stack: Stack) -> Iterator[httpx.Client]:
    with stack.gateway() as found:
        yield found


def ask(gateway: httpx.Client, model: str, **fields: Any) -> httpx.Response:
    message = {"role": "user", "content": PROMPT}
    body = {"model": model, "messages": [message], "temperature": 0, "max_tokens": 24, **fields}
    return gateway.post("/v1/chat/completions", json=body)


def text(answer: httpx.Response) -> str:
    said: str = answer.raise_for_status().json()["choices"][0]["message"]["content"]
    return said


def test_its_name_its_full_name_and_its_alias_mean_the_same_model(
    stack: Stack, chat: str, gateway: httpx.Client
) -> None:
    direct = stack.chat(chat, PROMPT, max_tokens=24)

    for name in (chat, stack.full_name(chat), ALIAS):
        assert text(ask(gateway, name)) == direct, name


def test_the_answer_tells_which_pod_gave_it(stack: Stack, chat: str, gateway: httpx.Client) -> None:
    replica = ask(gateway, chat).headers["x-llmstack-replica"]

    assert replica in {pod["metadata"]["name"] for pod in stack.pods(chat)}


def test_an_unknown_model_is_refused_in_the_shape_of_openai(gateway: httpx.Client) -> None:
    answer = ask(gateway, "no-such-model")

    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.json()["error"]["code"] == "model_not_found"


def test_the_list_of_models_has_its_slots(stack: Stack, chat: str, gateway: httpx.Client) -> None:
    listed = gateway.get("/v1/models").raise_for_status().json()["data"]

    (entry,) = (each for each in listed if each["owned_by"] == stack.namespace)
    assert entry["id"] == chat
    assert entry["aliases"] == [ALIAS]
    assert entry["replicas"]["ready"] == 2
    assert entry["slots"]["total"] == 2 * SLOTS


def test_the_url_of_its_status_leads_there_from_another_namespace_whatever_model_is_named(
    stack: Stack, chat: str, elsewhere: Stack, stack_images: StackImages
) -> None:
    url = stack.status(chat)["url"]
    assert url == f"http://{chat}.{stack.namespace}/v1"

    with client(elsewhere, stack_images.operator, url, "no-such-model", workers=1) as asking:
        answers = asking.wait_for_more(4)

    assert all(answer["ok"] for answer in answers), answers
    pods = {pod["metadata"]["name"] for pod in stack.pods(chat)}
    assert {answer["replica"] for answer in answers} <= pods


def test_a_name_that_two_claim_stays_the_older_ones_and_the_newer_says_so(
    stack: Stack, chat: str, elsewhere: Stack, gateway: httpx.Client
) -> None:
    # It needs no replica to claim a name.
    other = elsewhere.sample("claims", replicas=0)
    other["spec"]["model"]["aliases"] = [ALIAS]
    elsewhere.apply(other)
    try:
        found = elsewhere.wait("claims", "SpecValid", "True", "NameConflict")
        assert f"the name {ALIAS} is already used by {stack.full_name(chat)}" in found["message"]
        assert stack.wait(chat, "SpecValid", "True")["reason"] == "Valid"
        assert ask(gateway, ALIAS).is_success
    finally:
        elsewhere.delete("claims")
    stack.wait(chat, "SpecValid", "True", "Valid")
    assert text(ask(gateway, ALIAS))


def test_the_official_client_streams(stack: Stack, chat: str, gateway: httpx.Client) -> None:
    official = openai.OpenAI(base_url=str(gateway.base_url.join("/v1")), api_key="none")

    stream = official.chat.completions.create(
        model=stack.full_name(chat),
        messages=[{"role": "user", "content": PROMPT}],
        temperature=0,
        max_tokens=24,
        stream=True,
    )
    said = "".join(part.choices[0].delta.content or "" for part in stream if part.choices)

    assert said == stack.chat(chat, PROMPT, max_tokens=24)


def test_an_embedding_deployment_embeds(stack: Stack, gateway: httpx.Client) -> None:
    engine = stack.sample()["spec"]["engine"]
    # The sample is no embedding model: it does not say itself how to make one vector of many.
    engine |= {"mode": "embed", "extraArgs": ["--pooling", "mean"]}
    stack.apply(stack.sample("embed", slots=2, contextLength=128, engine=engine))
    stack.wait("embed")
    body = {"model": stack.full_name("embed"), "input": ["the sea", "a ship"]}

    answer = gateway.post("/v1/embeddings", json=body)
    assert answer.is_success, answer.text
    refused = ask(gateway, stack.full_name("embed"))

    first, second = (each["embedding"] for each in answer.json()["data"])
    assert len(first) == len(second) == 576
    assert first != second
    with stack.replica("embed") as replica:
        direct = replica.post("/v1/embeddings", json=body).raise_for_status().json()
    assert [each["embedding"] for each in direct["data"]] == [first, second]
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert refused.json()["error"]["code"] == "wrong_mode"
    stack.delete("embed")


@pytest.fixture
def reranker(elsewhere: Stack, stack_images: StackImages, tmp_path: Path) -> str:
    """The address of a tiny reranker with random weights."""
    content = base64.b64encode(rerank_model(tmp_path / "rerank.gguf").read_bytes()).decode()
    elsewhere.apply(config_map("small-models", binaryData={"rerank.gguf": content}))
    manifest = (HERE / "small-models.yaml").read_text().replace("IMAGE", stack_images.operator)
    elsewhere.apply(manifest)
    elsewhere.kubectl("rollout", "status", "deployment/small-models", "--timeout=1m")
    return f"http://small-models.{elsewhere.namespace}.svc/rerank.gguf"


def test_a_reranking_deployment_ranks(stack: Stack, reranker: str, gateway: httpx.Client) -> None:
    engine = stack.sample()["spec"]["engine"]
    stack.apply(
        stack.sample(
            "rerank",
            model={"source": reranker},
            slots=1,
            contextLength=128,
            engine={**engine, "mode": "rerank"},
        )
    )
    stack.wait("rerank")
    documents = ["a ship at sea", "a mountain", "bread"]
    body = {"model": stack.full_name("rerank"), "query": "the sea", "documents": documents}

    answer = gateway.post("/v1/rerank", json=body).raise_for_status().json()

    with stack.replica("rerank") as replica:
        direct = replica.post("/v1/rerank", json=body).raise_for_status().json()
    assert {each["index"] for each in answer["results"]} == {0, 1, 2}
    assert answer["results"] == direct["results"]
    stack.delete("rerank")
