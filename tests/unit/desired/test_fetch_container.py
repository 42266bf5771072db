"""How does the init container bring the model?"""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.desired.samples import CONTEXT, SOURCE, env, fetch, mounts

SUM = "a" * 64


@pytest.mark.parametrize(
    ("sentence", "spec", "words"),
    [
        ("the source", {}, ["--source", SOURCE]),
        ("the expected sum", {"model": {"sha256": SUM}}, ["--sha256", SUM]),
        (
            "a projector and its sum",
            {"model": {"mmproj": {"source": "https://e.org/p.gguf", "sha256": SUM}}},
            ["--mmproj", "https://e.org/p.gguf", "--mmproj-sha256", SUM],
        ),
        ("where the cache is", {}, ["--cache", "/models"]),
        (
            "the context that the model must have been trained with",
            {"contextLength": 512},
            ["--context-length", "512"],
        ),
        ("where its last word goes", {}, ["--termination-log", "/dev/termination-log"]),
    ],
)
def test_it_is_told(sentence: str, spec: dict[str, Any], words: list[str]) -> None:
    args = fetch(**spec)["args"]
    at = args.index(words[0])
    assert args[0] == "fetch"
    assert args[at : at + len(words)] == words, sentence


@pytest.mark.parametrize("flag", ["--sha256", "--mmproj", "--mmproj-sha256", "--context-length"])
def test_what_is_not_given_is_not_passed(flag: str) -> None:
    assert flag not in fetch()["args"]


UPSTREAM = "ghcr.io/ggml-org/llama.cpp:server"


@pytest.mark.parametrize(
    ("image", "installed", "shipped"),
    [
        (None, "llama-server:cpu", True),
        (None, "registry.example:5000/llm-stack/llama-server@sha256:" + "a" * 64, True),
        (None, "registry.example:5000/llm-stack/llama-server:1.2-cuda@sha256:" + "a" * 64, True),
        (None, UPSTREAM, False),
        (None, "localhost/my-llama-server", False),
        (UPSTREAM, "llama-server:cpu", False),
        ("registry.example/llama-server:mine", "llama-server:cpu", False),
    ],
)
def test_what_the_engine_loads_is_known_of_our_own_image_alone(
    image: str | None, installed: str, shipped: bool
) -> None:
    context = replace(CONTEXT, server_images={"cpu": installed, "nvidia": installed})
    args = fetch(context, engine={"image": image} if image else {})["args"]
    assert ("--shipped-engine" in args) is shipped


def test_settings_of_the_operator_reach_it() -> None:
    context = replace(CONTEXT, fetch_env={"HF_ENDPOINT": "http://hub"}, ca_bundle="PEM")
    found = env(fetch(context))
    assert found["HF_ENDPOINT"] == "http://hub"
    assert found["SSL_CERT_FILE"] == "/run/llmstack/ca/ca.crt"
    assert mounts(fetch(context))["/run/llmstack/ca"] is True


@pytest.mark.parametrize(
    ("model", "file"),
    [({}, None), ({"secretRef": {"name": "hf"}}, "/run/llmstack/source-token/token")],
)
def test_the_token_is_a_file_never_a_variable(model: dict[str, Any], file: str | None) -> None:
    assert env(fetch(model=model)).get("HF_TOKEN_FILE") == file


def test_it_alone_writes_to_the_cache_and_never_to_the_source() -> None:
    found = mounts(fetch(model={"source": "pvc://claim/m.gguf"}))
    assert found == {"/models": False, "/tmp": False, "/source": True}
