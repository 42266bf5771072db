"""Is what the shipped llama-server cannot load known from the header?"""

import pytest

from llmstack.engines.facts import GGUFFacts, Kind
from llmstack.engines.llamacpp.gguf.shipped import obstacle


def facts(architecture="llama", **fields):
    return GGUFFacts(architecture, 1, "F16", 1, **fields)


@pytest.mark.parametrize(
    "loadable",
    [facts(), facts("gpt-oss"), facts(""), facts("clip", kind=Kind.PROJECTOR)],
    ids=lambda facts: facts.architecture,
)
def test_nothing_stands_in_the_way(loadable):
    assert obstacle(loadable) == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (36, "type 36 (IQ4_NL_4_4), which llama.cpp no longer reads: choose a file in IQ4_NL"),
        (31, "type 31 (Q4_0_4_4), which llama.cpp no longer reads: choose a file in Q4_0"),
        (156, "type 156, which the shipped llama-server does not know"),
    ],
)
def test_a_type_it_does_not_know(kind, words):
    found = obstacle(facts(unknown_tensor="blk.0.ffn_up.weight", unknown_type=kind))
    assert "tensor blk.0.ffn_up.weight has" in found
    assert words in found


def test_an_architecture_it_does_not_know():
    assert "does not know the architecture llama9: choose another" in obstacle(facts("llama9"))
