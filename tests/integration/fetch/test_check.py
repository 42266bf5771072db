"""Does `--check` find what a fetch would stumble over, and keep nothing?"""

import hashlib

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, split_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=20_000_000)
SUM = hashlib.sha256(MODEL).hexdigest()
HUB = "hf://owner/repo/q4.gguf"
HEADER = len(MODEL) // 2
"""More than is under way when a header has been read, and less than any file."""


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def test_what_could_be_fetched_is_described_and_not_fetched(fetch, hub):
    outcome = fetch(HUB, "--check", "--context-length", "128")
    assert outcome.status == 0, outcome.log
    assert outcome.result.model.sha256 == SUM
    assert outcome.result.model.size_bytes == len(MODEL)
    assert outcome.result.gguf.architecture == "llama"
    assert hub.served < HEADER
    assert list(fetch.cache.iterdir()) == []


WRONG = "0" * 64
FAULTS = [
    ("no such file", ("hf://owner/repo/q5.gguf",), reasons.SOURCE_NOT_FOUND),
    ("no such repository", ("hf://owner/no/q4.gguf",), reasons.SOURCE_NOT_FOUND),
    ("no such revision", (f"{HUB}@v9",), reasons.SOURCE_NOT_FOUND),
    ("another sum is announced", (HUB, "--sha256", WRONG), reasons.CHECKSUM_MISMATCH),
    ("too long a context", (HUB, "--context-length", "4096"), reasons.CONTEXT_LENGTH_TOO_LARGE),
    ("no such projector", (HUB, "--mmproj", "hf://owner/repo/p.gguf"), reasons.SOURCE_NOT_FOUND),
    ("a model as projector", (HUB, "--mmproj", HUB), reasons.NOT_GGUF),
]


@pytest.mark.parametrize(("what", "words", "reason"), FAULTS, ids=[row[0] for row in FAULTS])
def test_what_a_fetch_would_stumble_over_is_found(fetch, hub, what, words, reason):
    outcome = fetch(*words, "--check")
    assert outcome.status == 1
    assert outcome.failure.reason == reason
    assert hub.served < HEADER
    assert list(fetch.cache.iterdir()) == []


def test_a_sum_that_nobody_announces_is_taken_of_the_bytes(fetch, hub):
    source = hub.plain("owner/repo/q4.gguf")
    assert fetch(source, "--check", "--sha256", SUM).result.model.sha256 == SUM
    outcome = fetch(source, "--check", "--sha256", WRONG)
    assert outcome.failure.reason == reasons.CHECKSUM_MISMATCH
    assert SUM in outcome.failure.message
    assert list(fetch.cache.iterdir()) == []


def test_a_file_without_a_sum_is_only_begun(fetch, hub):
    assert fetch(hub.plain("owner/repo/q4.gguf"), "--check").status == 0
    assert hub.served < HEADER


def test_all_parts_are_looked_at(fetch, hub):
    parts = split_bytes(3, 20_000_000)
    names = [f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    hub.repos["owner/repo"] = dict(zip(names, parts, strict=True))
    source = f"hf://owner/repo/{names[0]}"
    assert fetch(source, "--check").result.model.parts == 3
    del hub.repos["owner/repo"][names[2]]
    assert fetch(source, "--check").failure.reason == reasons.SOURCE_NOT_FOUND


def test_a_connection_that_breaks_is_tried_again(fetch, hub):
    hub.faults.drop_at = 100_000
    assert fetch(HUB, "--check").status == 0
