"""The main job: what is applied ends in a completion by the real model, on a real node."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cluster.processes import Program, wait_until
from tests.e2e.cluster.provider import Provider
from tests.e2e.images import llama_server_binary, model_file
from tests.e2e.stack import curl, source
from tests.e2e.stack.fixtures import own_namespace
from tests.e2e.stack.images import StackImages
from tests.e2e.stack.release import GATEWAY, NAMESPACE, Release
from tests.e2e.stack.stack import GATEWAY_PORT, Object, Stack
from tests.integration.audit import entries, user

PROMPT = "Write one sentence about the sea."
SLOTS, CONTEXT = 2, 1024


@pytest.fixture(scope="module")
def stack(cluster: Provider, release: Release) -> Iterator[Stack]:
    """One namespace for all tests of this file, so that they can share a running sample."""
    with own_namespace(cluster, "stack") as found:
        yield found


@pytest.fixture(scope="module")
def sample(stack: Stack) -> str:
    """The name of a Ready sample that tests look at and do not change."""
    stack.apply(stack.sample("smollm2", slots=SLOTS, contextLength=CONTEXT))
    stack.wait("smollm2")
    return "smollm2"


def server(pod: Object) -> Object:
    """The llama-server container of a pod's spec."""
    (found,) = (each for each in pod["spec"]["containers"] if each["name"] == "llama-server")
    return found


def test_the_printed_curl_line_answers_with_words_of_the_model(stack: Stack, sample: str) -> None:
    url = stack.cluster.forward(NAMESPACE, GATEWAY, GATEWAY_PORT)

    assert "sea" in curl.answer(curl.line(url, stack.full_name(sample)))


def test_helm_test_finds_both_parts_well(release: Release) -> None:
    said = release.test()

    assert "Phase:          Succeeded" in said
    assert said.count(": 200\n") == 2


def test_a_replica_answers_nobody_without_its_key(stack: Stack, sample: str) -> None:
    with stack.replica(sample) as client:
        answer = client.get("/props", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_the_server_has_the_slots_and_the_context_of_the_spec(stack: Stack, sample: str) -> None:
    with stack.replica(sample) as client:
        props = client.get("/props").raise_for_status().json()

    assert props["total_slots"] == SLOTS
    assert props["default_generation_settings"]["n_ctx"] == CONTEXT


def test_the_text_is_that_of_the_same_binary_run_directly(
    stack: Stack, sample: str, tmp_path: Path
) -> None:
    in_the_cluster = stack.chat(sample, PROMPT, max_tokens=48)

    with direct_server(server(stack.pods(sample)[0]), tmp_path) as url:
        body = {"messages": [{"role": "user", "content": PROMPT}]}
        asked = body | {"temperature": 0, "max_tokens": 48}
        answer = httpx.post(f"{url}/v1/chat/completions", json=asked, timeout=60).json()

    assert in_the_cluster == answer["choices"][0]["message"]["content"]
    assert len(in_the_cluster.split()) > 3


@contextmanager
def direct_server(container: Object, directory: Path) -> Iterator[str]:
    """The image's llama-server on this host, with the flags of the pod but its own files."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    arguments = own_files(container["args"], port)
    program = Program([llama_server_binary(), *arguments], directory / "llama-server.log")
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        try:
            return httpx.get(f"{url}/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    program.start()
    try:
        program.wait_until(healthy, "llama-server answered")
        yield url
    finally:
        program.stop()


def own_files(arguments: list[str], port: int) -> list[str]:
    """The pod's flags with this host's model, address and port, and without the key."""
    replaced = {"--model": str(model_file()), "--host": "127.0.0.1", "--port": str(port)}
    dropped = {"--api-key-file"}
    result: list[str] = []
    rest = iter(arguments)
    for flag in rest:
        value = next(rest) if takes_value(flag, arguments) else None
        if flag in dropped:
            continue
        result += [flag] if value is None else [flag, replaced.get(flag, value)]
    assert set(replaced) <= set(result), arguments
    return result


def takes_value(flag: str, arguments: list[str]) -> bool:
    after = arguments.index(flag) + 1
    return after < len(arguments) and not re.match(r"--?[a-z]", arguments[after])


def test_kubectl_get_shows_how_it_stands(stack: Stack, sample: str) -> None:
    header, row = stack.kubectl("get", "llmd", sample).splitlines()

    columns = ["NAME", "MODEL", "REPLICAS", "SLOTS", "READY", "REASON", "DOWNLOAD", "AGE"]
    assert header.split() == columns
    columns.remove("DOWNLOAD")  # Nothing is downloaded by now.
    shown = dict(zip(columns, row.split(), strict=True))
    assert shown["MODEL"] == source.URL.rpartition("/")[2].removesuffix(".gguf")
    assert (shown["REPLICAS"], shown["SLOTS"]) == ("1/1", str(SLOTS))
    assert (shown["READY"], shown["REASON"]) == ("True", "Ready")


def test_the_status_tells_what_was_downloaded(stack: Stack, sample: str) -> None:
    model = stack.status(sample)["model"]

    assert model["sizeBytes"] == model_file().stat().st_size
    assert model["architecture"] == "llama"
    assert re.fullmatch(r"[0-9a-f]{64}", model["sha256"])


def test_what_it_made_goes_with_it(stack: Stack) -> None:
    stack.apply(stack.sample("gone"))
    stack.wait("gone")

    stack.delete("gone")

    options = ("--selector=llmstack.dev/deployment=gone", "--timeout=90s")
    stack.kubectl("wait", "--for=delete", "deployments,services,secrets,pods", *options)


def test_a_second_pod_downloads_nothing_from_a_shared_cache(stack: Stack) -> None:
    """While the server of the model is away, nothing can be downloaded."""
    cache = {"size": "1Gi", "storageClassName": "shared", "accessMode": "ReadWriteMany"}
    stack.apply(stack.sample("first", cache=cache))
    stack.wait("first")

    with model_server_away(stack):
        stack.apply(stack.sample("first", cache=cache, replicas=2))
        stack.apply(stack.sample("other", cache=cache))
        stack.wait("other")
        stack.wait_for(
            "first", lambda _: stack.status("first").get("readyReplicas") == 2, "two replicas"
        )

    assert len(stack.pods("first")) == 2
    stack.delete("first")
    stack.delete("other")


@contextmanager
def model_server_away(stack: Stack) -> Iterator[None]:
    """No pod serves the sample model while it lasts."""
    server = (f"--namespace={NAMESPACE}", f"deployment/{source.NAME}")
    pods = (f"--namespace={NAMESPACE}", f"--selector=app.kubernetes.io/name={source.NAME}")
    stack.kubectl("scale", *server, "--replicas=0")
    try:
        stack.kubectl("wait", "--for=delete", "pods", *pods, "--timeout=60s")
        yield
    finally:
        stack.kubectl("scale", *server, "--replicas=1")
        stack.kubectl("rollout", "status", *server, "--timeout=60s")


ACCOUNTS = (":llm-stack:llm-stack", ":llm-stack:llm-stack-gateway")


def test_operator_and_gateway_need_no_right_that_they_have_not(
    stack: Stack, sample: str, bare: Any
) -> None:
    """In all tests so far: so it comes before the one that takes its rights away.

    A right that is missing is refused each time. An API server that has just begun anew may refuse
    what it allows a moment later, when it has read all roles, and an uninstall takes the rights of
    an operator that still ends: so one ends here that has them.
    """
    operator = ("deployment/llm-stack", f"--namespace={NAMESPACE}")
    stack.kubectl("rollout", "restart", *operator)
    stack.kubectl("rollout", "status", *operator, "--timeout=120s")

    wait_until(lambda: not _refused(entries(bare.audit_log)), "a right for all they ask", 60)


def _refused(audit: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """What operator or gateway asked for and was never allowed: who, verb, path."""
    decided: dict[str, set[tuple[str, str, str]]] = {"allow": set(), "forbid": set()}
    for entry in audit:
        who = user(entry)
        # (A namespace that is being deleted refuses with 403, too: that is no matter of rights.)
        decision = entry.get("annotations", {}).get("authorization.k8s.io/decision")
        if who.endswith(ACCOUNTS) and decision in decided:
            path = entry["requestURI"].partition("?")[0]
            decided[decision].add((who, entry["verb"], path))
    assert decided["allow"]
    return decided["forbid"] - decided["allow"]


def test_a_reinstalled_operator_finds_everything_as_it_was(
    stack: Stack, sample: str, release: Release, stack_images: StackImages
) -> None:
    """`helm uninstall` takes the operator alone: models answer on, and none is reloaded."""
    pod = stack.pods(sample)[0]["metadata"]["uid"]

    release.uninstall()
    try:
        assert stack.condition(sample)["status"] == "True"
        assert stack.chat(sample, PROMPT)
    finally:
        release.install(stack_images)
    stack.apply(stack.sample("later"))
    stack.wait("later")

    assert [each["metadata"]["uid"] for each in stack.pods(sample)] == [pod]
