"""Are our tables of what llama-server loads those of the llama.cpp that the image is built from?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llmstack.engines.facts import MAX_LAYERS
from llmstack.engines.llamacpp.gguf.shipped import ARCHITECTURES
from llmstack.engines.llamacpp.gguf.types import BLOCKS, QUANTIZATIONS, REMOVED
from tests.support.llama.source import llama_cpp_source

_SIZES = {"ggml_half": 2, "ggml_half2": 4, "float": 4, "double": 8, "ggml_fp16_t": 2}
_SIZES |= {"ggml_bf16_t": 2, "int8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8}
_SIZES |= {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4}


@pytest.fixture(scope="module")
def source() -> Path:
    return llama_cpp_source()


def types_of(header: str) -> dict[str, int]:
    """Number of every GGML_TYPE_…"""
    return {name: int(number) for name, number in re.findall(r"GGML_TYPE_(\w+)\s*= (\d+),", header)}


def constants_of(common: str) -> dict[str, str]:
    """What ggml-common.h defines in terms of numbers: QK_K and the like."""
    return dict(re.findall(r"^#define (\w*K\w*|IQ\w+) ([\w/]+)", common, re.MULTILINE))


def sizes_of(common: str) -> dict[str, int]:
    """Bytes of every block, as ggml-common.h asserts them for the compiler."""
    known, sizes = constants_of(common), dict(_SIZES)
    pattern = r"static_assert\(sizeof\((block_\w+)\) == (.*), \"wrong"
    for name, words in re.findall(pattern, common):
        sizes[name] = calculated(words, known, sizes)
    return sizes


def calculated(words: str, known: dict[str, str], sizes: dict[str, int]) -> int:
    """The value of a constant expression of C."""
    words = re.sub(r"sizeof\((\w+)\)", lambda found: str(sizes[found[1]]), words)
    while re.search(r"[A-Z]", words):
        words = re.sub(r"\b[A-Z]\w+", lambda found: known[found[0]], words)
    assert re.fullmatch(r"[\d+*/() -]+", words), words
    return int(eval(words.replace("/", "//")))


def test_types_and_their_sizes(source: Path) -> None:
    common = (source / "ggml/src/ggml-common.h").read_text()
    types = types_of((source / "ggml/include/ggml.h").read_text())
    constants, sizes = constants_of(common), sizes_of(common)
    traits = re.findall(
        r"\[GGML_TYPE_(\w+)\] = \{[^{}]*?blck_size += (\w+),\s*\.type_size += sizeof\((\w+)\)",
        (source / "ggml/src/ggml.c").read_text(),
    )
    theirs = {
        types[name]: (calculated(block, constants, sizes), sizes[kind])
        for name, block, kind in traits
    }
    assert theirs == BLOCKS
    assert types["COUNT"] == max(BLOCKS) + 1


def test_types_that_were_removed(source: Path) -> None:
    found = re.findall(
        r"^ +\[(\d+)\] = \{ // GGML_TYPE_(\w+)",
        (source / "ggml/src/ggml.c").read_text(),
        re.MULTILINE,
    )
    assert {int(number): name for number, name in found} == {
        number: name for number, (name, _) in REMOVED.items()
    }


def test_names_of_quantizations(source: Path) -> None:
    found = re.findall(
        r"^ +LLAMA_FTYPE_(?:MOSTLY|ALL)_(\w+)\s*= (\d+),",
        (source / "include/llama.h").read_text(),
        re.MULTILINE,
    )
    assert {int(number): name for name, number in found} == QUANTIZATIONS


def test_architectures(source: Path) -> None:
    text = (source / "src/llama-arch.cpp").read_text()
    table = text.partition("LLM_ARCH_NAMES = {")[2].partition("};")[0]
    found = set(re.findall(r'\{ LLM_ARCH_\w+, +"([^"]+)"', table))
    assert found - {"clip", "(unknown)"} == ARCHITECTURES


def test_layers(source: Path) -> None:
    text = (source / "src/llama-hparams.h").read_text()
    assert re.search(rf"^#define LLAMA_MAX_LAYERS +{MAX_LAYERS}$", text, re.MULTILINE)
