"""A model that does not arrive: why, in a condition, and what to do about it."""

from __future__ import annotations

from hashlib import file_digest
from typing import Any

import pytest

from tests.e2e.images import model_file
from tests.e2e.stack.stack import Stack
from tests.support.said import SAID

from .sentences import Sentence, check

BAD = "http://bad-source.faults.svc"
SHA = "0" * 64


def model(path: str, **fields: Any) -> dict[str, Any]:
    return {"model": {"source": f"{BAD}/{path}", **fields}}


def secret(token: str) -> dict[str, Any]:
    SAID.give(token)
    data = {"stringData": {"token": token}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}} | data


TOKEN = {"secretRef": {"name": "token"}}
HOST = {"model": {"source": "http://no-such-host.invalid/model.gguf"}}

SENTENCES = [
    Sentence(
        "the source wants a token and none is given",
        model("private.gguf"),
        "ModelReady",
        "SourceUnauthorized",
        ("401", "secretRef"),
    ),
    Sentence(
        "the source refuses the token",
        model("private.gguf", **TOKEN),
        "ModelReady",
        "SourceUnauthorized",
        ("401",),
        objects=(secret("wrong"),),
    ),
    Sentence(
        "the Secret holds more than a token",
        model("private.gguf", **TOKEN),
        "ModelReady",
        "SourceUnauthorized",
        ("the key `token` of the Secret", "is not a valid token"),
        objects=(secret("hf_first-line\nof-two-lines"),),
    ),
    Sentence(
        "the source forbids the file",
        model("forbidden.gguf"),
        "ModelReady",
        "SourceUnauthorized",
        ("403",),
    ),
    Sentence(
        "the source has no such file",
        model("missing.gguf"),
        "ModelReady",
        "SourceNotFound",
        ("404", "missing.gguf"),
    ),
    Sentence(
        "the host name does not exist",
        HOST,
        "ModelReady",
        "SourceUnreachable",
        ("no-such-host.invalid", "resolved"),
    ),
    Sentence(
        "the file is no GGUF",
        model("page.gguf"),
        "ModelReady",
        "NotGGUF",
        ("GGUF",),
    ),
    Sentence(
        "the source always closes too early",
        model("truncated.gguf"),
        "ModelReady",
        "SourceTruncated",
        ("truncated.gguf early", "tried"),
    ),
    Sentence(
        "the Secret with the token does not exist",
        model("private.gguf", secretRef={"name": "nowhere"}),
        "ModelReady",
        "SecretMissing",
        ("Secret nowhere", "create it"),
    ),
]


@pytest.mark.usefixtures("bad_source")
@pytest.mark.parametrize("sentence", SENTENCES, ids=str)
def test_it_says_why_the_model_does_not_arrive(stack: Stack, sentence: Sentence) -> None:
    check(stack, sentence)


def test_a_wrong_checksum_names_both_sums(stack: Stack) -> None:
    source = {"source": stack.model_url, "sha256": SHA}

    found = check(
        stack,
        Sentence("", {"model": source}, "ModelReady", "ChecksumMismatch", (SHA,)),
    )

    with model_file().open("rb") as file:
        assert file_digest(file, "sha256").hexdigest() in found["message"]


def test_more_context_than_the_model_has_is_refused_with_its_limit(stack: Stack) -> None:
    check(
        stack,
        Sentence(
            "",
            {"contextLength": 1_000_000},
            "ModelReady",
            "ContextLengthTooLarge",
            ("1000000", "8192", "contextLength"),
        ),
    )


def test_mending_the_spec_mends_the_deployment(stack: Stack) -> None:
    """Nothing sticks to a deployment that failed: the next good spec becomes Ready."""
    check(
        stack,
        Sentence("", {"contextLength": 1_000_000}, "ModelReady", "ContextLengthTooLarge", ()),
    )

    stack.apply(stack.sample("faulty"))

    stack.wait("faulty")


@pytest.mark.usefixtures("bad_source")
def test_progress_is_told_and_deleting_stops_the_download(stack: Stack) -> None:
    stack.apply(stack.sample("faulty", **model("slow.gguf"), cache={"size": "8Gi"}))
    stack.wait_for(
        "faulty",
        lambda now: "MiB/s" in now.get("ModelReady", {}).get("message", ""),
        "the speed of the download in a message",
    )
    message = stack.condition("faulty", "ModelReady")["message"]
    assert "of 4.0 GiB" in message
    assert "left" in message

    stack.delete("faulty")

    gone = ("--selector=llmstack.dev/deployment=faulty", "--timeout=60s")
    stack.kubectl("wait", "--for=delete", "pods,deployments,persistentvolumeclaims", *gone)
