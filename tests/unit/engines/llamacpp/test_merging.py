"""Is the merged answer what llama-server would have said to the whole?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.merging import BareEmbeddings, Embeddings, Merging, Ranks

FLOATS = st.floats(-1, 1, width=32)


def parts(values: list[Any], size: int) -> list[list[Any]]:
    return [values[n : n + size] for n in range(0, len(values), size)]


def merged(merging: Merging, answers: list[Any], counts: list[int]) -> Any:
    said = b"".join(
        merging.add(json.dumps(answer).encode(), count)
        for answer, count in zip(answers, counts, strict=True)
    )
    return json.loads(said + merging.end())


def embeddings(vectors: list[Any]) -> dict[str, Any]:
    data = [
        {"embedding": vector, "index": n, "object": "embedding"} for n, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 3 * len(vectors), "total_tokens": 3 * len(vectors)}
    return {"model": "m", "object": "list", "usage": usage, "data": data}


@given(st.lists(st.lists(FLOATS, max_size=4) | st.just("AAAA"), min_size=1), st.integers(1, 5))
def test_embeddings(vectors: list[Any], size: int) -> None:
    cut = parts(vectors, size)
    merging = Embeddings()
    whole = merged(merging, [embeddings(part) for part in cut], [len(part) for part in cut])
    assert whole == embeddings(vectors)
    assert merging.tokens == 3 * len(vectors)


@given(st.lists(FLOATS, min_size=1), st.integers(1, 5))
def test_embeddings_without_an_envelope(values: list[float], size: int) -> None:
    def bare(part: list[float]) -> list[Any]:
        return [{"index": n, "embedding": [[value]]} for n, value in enumerate(part)]

    cut = parts(values, size)
    answers, counts = [bare(part) for part in cut], [len(part) for part in cut]
    assert merged(BareEmbeddings(), answers, counts) == bare(values)


def ranks(scores: list[float], most: int | None, bare: bool) -> Any:
    label = "score" if bare else "relevance_score"
    found = [{"index": n, label: score} for n, score in enumerate(scores)]
    found.sort(key=lambda each: -each[label])
    found = found[:most]
    if bare:
        return found
    usage = {"prompt_tokens": 2 * len(scores), "total_tokens": 2 * len(scores)}
    return {"model": "m", "object": "list", "usage": usage, "results": found}


@given(
    st.lists(FLOATS, min_size=1, unique=True),
    st.integers(1, 5),
    st.none() | st.integers(0, 9),
    st.booleans(),
)
def test_ranks(scores: list[float], size: int, most: int | None, bare: bool) -> None:
    cut = parts(scores, size)
    answers = [ranks(part, most, bare) for part in cut]
    whole = merged(Ranks(most, bare), answers, [len(part) for part in cut])
    assert whole == ranks(scores, most, bare)


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"null", b"{}", b'{"data": []}', b'{"data": [1]}', b'{"data": [{"index": "0"}]}'],
)
def test_what_is_no_such_answer_is_said(answer: bytes) -> None:
    with pytest.raises(ValueError):
        Embeddings().add(answer, 1)
