"""Is a model on a volume claim looked at where it lies?"""

import hashlib

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, split_bytes

MODEL = gguf_bytes(weights=100_000)
SUM = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def claim(fetcher):
    """A fetch of pvc://models/<path> from a folder that stands for the mounted claim."""
    root = fetcher.folder / "source"
    root.mkdir()
    (root / "llama").mkdir()
    (root / "llama" / "q4.gguf").write_bytes(MODEL)

    def fetch(path, *flags):
        return fetcher(f"pvc://models/{path}", "--source-root", str(root), *flags)

    fetch.root = root
    return fetch


def test_it_is_read_in_place(claim, fetcher):
    outcome = claim("llama/q4.gguf", "--context-length", "2048")
    assert (outcome.result.model.size_bytes, outcome.result.model.sha256) == (len(MODEL), "")
    assert outcome.result.gguf.parameters == 100_000
    assert list(fetcher.cache.iterdir()) == []


def test_its_sum_is_taken_when_asked_for(claim):
    assert claim("llama/q4.gguf", "--sha256", SUM).result.model.sha256 == SUM
    failure = claim("llama/q4.gguf", "--sha256", "0" * 64).failure
    assert failure.reason == reasons.CHECKSUM_MISMATCH
    assert SUM in failure.message


def test_all_parts_of_a_split_model(claim):
    for number, part in enumerate(split_bytes(2), 1):
        (claim.root / f"m-{number:05d}-of-00002.gguf").write_bytes(part)
    assert claim("m-00001-of-00002.gguf").result.gguf.parameters == 8192


@pytest.mark.parametrize("path", ["none.gguf", "llama", "llama/q4.gguf/x.gguf"])
def test_no_such_file(claim, path):
    failure = claim(path).failure
    assert failure.reason == reasons.SOURCE_NOT_FOUND
    assert f"the claim models has no file {path}" in failure.message


def test_no_model(claim):
    (claim.root / "text.gguf").write_text("hello")
    assert claim("text.gguf").failure.reason == reasons.NOT_GGUF


def test_the_context_is_too_long(claim):
    failure = claim("llama/q4.gguf", "--context-length", "2049").failure
    assert failure.reason == reasons.CONTEXT_LENGTH_TOO_LARGE


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("My%20Model.gguf", "My Model.gguf"),
        ("a@b%25.gguf", "a@b%.gguf"),
        ("a%40b.gguf", "a@b.gguf"),
    ],
)
def test_one_form_reaches_every_name(claim, path, name):
    (claim.root / name).write_bytes(MODEL)
    assert claim(path).status == 0
