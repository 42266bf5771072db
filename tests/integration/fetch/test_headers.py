"""Is what cannot be served refused from the header, before the weights are downloaded?"""

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, header_bytes, model_keys, split_bytes
from tests.support.hub import Hub

WEIGHTS = 20_000_000
MODEL = gguf_bytes(weights=WEIGHTS)
SOURCE = "hf://owner/repo/q4.gguf"
FILE = "owner/repo/q4.gguf"
HEADER = 2**21
"""More than any header here, and far less than any file."""


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def odd(kind, name="blk.0.ffn_up.weight"):
    tensors = [("token_embd.weight", 64, 0, 0), (name, WEIGHTS, kind, 256)]
    return header_bytes(model_keys(), tensors) + bytes(2 * WEIGHTS)


def big(architecture="llama", **changes):
    return gguf_bytes(architecture, WEIGHTS, **changes)


REFUSED = [
    ("a projector", (), big("clip"), "spec.model.mmproj.source"),
    ("a projector by its type", (), big(general__type="mmproj"), "a multimodal projector"),
    ("an adapter", (), big(general__type="adapter"), "an adapter (LoRA), not a language model"),
    ("an importance matrix", (), big(general__type="imatrix"), "an importance matrix"),
    ("a control vector", (), big("controlvector"), "a control vector"),
    ("513 layers", (), big(block_count=513), "513 layers; llama.cpp takes at most 512"),
    ("a removed type", ("--shipped-engine",), odd(36), "blk.0.ffn_up.weight has type 36 (IQ4_NL_4"),
    ("an unknown type", ("--shipped-engine",), odd(156), "blk.0.ffn_up.weight has type 156"),
    ("an unknown architecture", ("--shipped-engine",), big("llama9"), "architecture llama9"),
    ("too long a context", ("--context-length", "4096"), big(), "maximum is 2048"),
    ("a part without the others", (), split_bytes(3, WEIGHTS)[0], "part 1 of 3 by its header"),
]


@pytest.mark.parametrize(("what", "flags", "data", "words"), REFUSED, ids=[r[0] for r in REFUSED])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "one stream"])
def test_refused_before_the_download(fetch, hub, what, flags, data, words, ranges):
    hub.repos["owner/repo"]["q4.gguf"] = data
    hub.faults.ranges = ranges
    if not ranges:
        hub.faults.bytes_per_second = 5_000_000
    outcome = fetch(SOURCE, *flags)
    assert outcome.status == 1
    assert words in outcome.failure.message
    assert hub.served < (HEADER if ranges else len(data)), "its header told"
    if outcome.failure.reason == reasons.NOT_GGUF:
        assert fetch.leftovers() == []


def test_a_vocabulary(fetch, hub):
    hub.repos["owner/repo"]["q4.gguf"] = header_bytes(model_keys(), []).rstrip(b"\0")
    outcome = fetch(SOURCE)
    assert outcome.failure.reason == reasons.NOT_GGUF
    assert "a vocabulary without weights" in outcome.failure.message


@pytest.mark.parametrize("kind", [36, 156])
def test_another_image_may_know_another_type(fetch, hub, kind):
    hub.repos["owner/repo"]["q4.gguf"] = odd(kind)
    assert fetch(SOURCE).status == 0
    outcome = fetch(SOURCE, "--shipped-engine")
    assert "blk.0.ffn_up.weight has type" in outcome.failure.message, "from the cache as well"


@pytest.mark.parametrize("layers", [257, 471, 512])
def test_many_layers(fetch, hub, layers):
    hub.repos["owner/repo"]["q4.gguf"] = gguf_bytes(
        block_count=layers, head_count_kv=[2, 4] * (layers // 2)
    )
    assert fetch(SOURCE, "--shipped-engine").result.gguf.block_count == layers


def test_a_known_type_that_is_cut_short(fetch, hub):
    head = header_bytes(model_keys(), [("output.weight", 2**18, 42, 0)])
    hub.repos["owner/repo"]["q4.gguf"] = head + bytes(1000)
    outcome = fetch(SOURCE)
    assert outcome.failure.reason == reasons.NOT_GGUF
    assert "truncated" in outcome.failure.message


def test_a_model_as_projector_is_refused_before_anything_is_downloaded(fetch, hub):
    hub.repos["owner/repo"]["other.gguf"] = big()
    outcome = fetch(SOURCE, "--mmproj", "hf://owner/repo/other.gguf")
    assert outcome.failure.reason == reasons.NOT_GGUF
    assert "other.gguf: this is a language model (llama)" in outcome.failure.message
    assert "it belongs in spec.model.source" in outcome.failure.message
    assert hub.served < HEADER


A, B = split_bytes(3, WEIGHTS // 4), split_bytes(4, WEIGHTS // 4)
SPLITS = [
    ("in the wrong order", [A[0], A[2], A[1]], "m-00002-of-00003.gguf is part 3 by its header"),
    ("the first three times", [A[0]] * 3, "part 1 by its header (split.no 0) and part 2"),
    ("of another model", [A[0], B[1], A[2]], "one of 4 parts by its header"),
    ("with a model among them", [A[0], MODEL, A[2]], "has no split.no"),
]


@pytest.mark.parametrize(("what", "parts", "words"), SPLITS, ids=[row[0] for row in SPLITS])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "one stream"])
def test_parts_that_do_not_belong_together(fetch, hub, what, parts, words, ranges):
    hub.faults.ranges = ranges
    names = [f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    hub.repos["owner/repo"] = dict(zip(names, parts, strict=True))
    outcome = fetch(f"hf://owner/repo/{names[0]}")
    assert outcome.failure.reason == reasons.NOT_GGUF
    assert words in outcome.failure.message
    assert not fetch.model(f"hf://owner/repo/{names[0]}").exists()
    if ranges:
        assert hub.served < 3 * HEADER


@pytest.mark.parametrize(("what", "parts", "words"), SPLITS, ids=[row[0] for row in SPLITS])
def test_the_same_on_a_claim(fetcher, what, parts, words):
    root = fetcher.folder / "source"
    root.mkdir()
    for number, part in enumerate(parts, 1):
        (root / f"m-{number:05d}-of-00003.gguf").write_bytes(part)
    source = "pvc://models/m-00001-of-00003.gguf"
    outcome = fetcher(source, "--source-root", str(root))
    assert words in outcome.failure.message
