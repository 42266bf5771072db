"""Is a request lost when pods come and go?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.cluster.bare import BareCluster
from tests.e2e.cluster.processes import wait_until
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import GATEWAY, NAMESPACE
from tests.e2e.stack.stack import Object, Stack

from .clients import Client, client
from .conftest import chat_model, gateways, replicas
from .each_gateway import load_of

HERE = f"--namespace={NAMESPACE}"
TOKENS = 400


@pytest.fixture
def clients(
    stack: Stack, chat: str, elsewhere: Stack, stack_images: StackImages
) -> Iterator[Client]:
    """Three clients in another namespace, who have had their first answers."""
    url = stack.status(chat)["url"]
    with client(elsewhere, stack_images.operator, url) as asking:
        asking.wait_for_more()
        yield asking


def uids(pods: list[Object]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def test_rolling_the_model_loses_no_request(stack: Stack, chat: str, clients: Client) -> None:
    before = uids(stack.pods(chat))

    stack.apply(chat_model(stack, contextLength=1152))

    def replaced() -> bool:
        now = stack.pods(chat)
        return replicas(stack) == "2/2" and len(now) == 2 and not uids(now) & before

    wait_until(replaced, "two new replicas and no old one", 300)
    clients.wait_for_more()
    assert not clients.failures()


def test_rolling_the_gateway_loses_no_request_and_no_stream(
    stack: Stack, chat: str, clients: Client
) -> None:
    before = gateways(stack)
    with long_stream(stack, chat) as stream:
        stack.kubectl("rollout", "restart", f"deployment/{GATEWAY}", HERE)
        stack.kubectl("rollout", "status", f"deployment/{GATEWAY}", HERE, "--timeout=2m")

        assert stream.finished() == TOKENS
    # It ends by itself, long before it would be killed.
    wait_until(lambda: not gateways(stack) & before, "the old gateway to end", 60)
    clients.wait_for_more()
    assert not clients.failures()


def test_a_replica_that_is_deleted_finishes_its_stream(stack: Stack, chat: str) -> None:
    with long_stream(stack, chat) as stream:
        load = load_of(stack)

        def state() -> str:
            replicas = (load(stack.full_name(chat)) or {}).get("replicas", ())
            return str({each["id"]: each["state"] for each in replicas}.get(stream.replica))

        stack.kubectl("delete", "pod", stream.replica, "--wait=false")
        wait_until(lambda: state() == "draining", "the gateway to know", 30)
        with stack.gateway() as gateway:
            for _ in range(4):
                answer = short(gateway, stack.full_name(chat))
                assert answer.headers["x-llmstack-replica"] != stream.replica

        assert stream.finished() == TOKENS


class Stream:
    """One answer that is on its way: its first byte is here."""

    def __init__(self, replica: str, tokens: Future[int], wanted: int) -> None:
        self.replica = replica
        self._tokens = tokens
        self._wanted = wanted

    def finished(self) -> int:
        """Its number of tokens, once it has come to its regular end."""
        return self._tokens.result(timeout=240)

    def is_whole(self) -> bool:
        """True if it came to its regular end, with all tokens that were asked for."""
        return self.finished() == self._wanted


@contextmanager
def long_stream(stack: Stack, name: str, url: str = "", tokens: int = TOKENS) -> Iterator[Stream]:
    """A stream that has begun; through the gateway at `url`, or through any."""
    body = {
        "model": stack.full_name(name),
        "messages": [{"role": "user", "content": "Tell a long story."}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with (
        stack.gateway(url=url, seconds=240) as gateway,
        gateway.stream("POST", "/v1/chat/completions", json=body) as answer,
        ThreadPoolExecutor(1) as pool,
    ):
        assert answer.is_success, answer.read()
        lines = answer.iter_lines()
        next(lines)
        yield Stream(answer.headers["x-llmstack-replica"], pool.submit(count_tokens, lines), tokens)


def count_tokens(lines: Iterator[str]) -> int:
    """What the last chunk says of a stream that ends as it should."""
    events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert events[-1] == "[DONE]", events[-3:]
    usage = [json.loads(event).get("usage") for event in events[:-1]]
    tokens: int = next(each for each in reversed(usage) if each)["completion_tokens"]
    return tokens


def short(gateway: httpx.Client, model: str) -> httpx.Response:
    """A short answer on a connection of its own."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 4}
    headers = {"Connection": "close"}
    return gateway.post("/v1/chat/completions", json=body, headers=headers).raise_for_status()


def test_while_the_kubernetes_api_is_away_requests_go_on(
    stack: Stack, chat: str, bare: BareCluster
) -> None:
    assert stack.cluster is bare, "only the bare node's API server can be stopped"
    with stack.gateway() as gateway:
        short(gateway, stack.full_name(chat))
        with bare.apiserver_away():
            for _ in range(8):
                short(gateway, stack.full_name(chat))
    stack.wait(chat)


def test_a_request_to_a_stopped_model_is_refused_at_once_until_it_runs_again(stack: Stack) -> None:
    stack.apply(stack.sample("sleeper"))
    stack.wait("sleeper")
    stack.apply(stack.sample("sleeper", replicas=0))
    stack.wait("sleeper", "Ready", "True", "Stopped")
    name = stack.full_name("sleeper")
    body = {"model": name, "messages": [{"role": "user", "content": "Hi."}], "max_tokens": 4}

    with stack.gateway(seconds=240) as gateway:

        def is_refused() -> bool:
            answer = gateway.post("/v1/chat/completions", json=body)
            return answer.status_code == 503 and "spec.replicas is 0" in answer.text

        wait_until(is_refused, "the refusal with its reason", 30)
        stack.apply(stack.sample("sleeper", replicas=1))
        stack.wait("sleeper")
        wait_until(lambda: not is_refused(), "the gateway to know", 30)
        short(gateway, name)
    stack.delete("sleeper")


def test_a_server_that_answers_no_more_is_spared_and_said(stack: Stack) -> None:
    """It is stopped as a debugger would: it holds its port open and computes nothing."""
    # (Before the kubelet kills it, it lets it drain, which it cannot.)
    stack.apply(stack.sample("wedged", lifecycle={"wedgeSeconds": 10, "drainSeconds": 5}))
    stack.wait("wedged")
    (pod,) = stack.pods("wedged")
    name = pod["metadata"]["name"]

    stack.kubectl("exec", name, "--container=llama-server", "--", "sh", "-c", STOP)

    found = stack.wait("wedged", "Ready", "False", "ServerWedged")
    assert name in found["message"]
    assert ("Warning", "ServerWedged") in {
        (event["type"], event["reason"]) for event in stack.events("wedged")
    }
    # And the kubelet restarts it, by itself.
    stack.wait("wedged", seconds=240)
    (again,) = stack.pods("wedged")
    servers = again["status"]["containerStatuses"]
    assert [each["restartCount"] for each in servers] == [1]
    stack.delete("wedged")


STOP = """
for file in /proc/[0-9]*/comm; do
  read -r name < "$file"
  if [ "$name" = llama-server ]; then pid=${file%/comm}; kill -STOP "${pid#/proc/}"; fi
done
"""
