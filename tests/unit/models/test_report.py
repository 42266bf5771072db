"""Fetch and operator speak the same words: what one writes, the other reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.facts import MAX_LAYERS, GGUFFacts, Kind
from llmstack.models.report import (
    TERMINATION_LIMIT,
    FetchedFile,
    FetchFailure,
    FetchResult,
    Progress,
    describe,
    encode_error,
    encode_progress,
    encode_termination,
    parse_log,
    parse_termination,
)

counts = st.integers(0, 2**63)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)
facts = st.builds(
    GGUFFacts,
    architecture=printable,
    parameters=counts,
    quantization=printable,
    size_bytes=counts,
    context_length=st.none() | counts,
    head_count_kv=st.none()
    | st.integers(0, 1023)
    | st.lists(st.integers(0, 1023), max_size=MAX_LAYERS).map(tuple),
    sliding_window_pattern=st.none()
    | st.integers(0, MAX_LAYERS)
    | st.lists(st.integers(0, 1), min_size=1, max_size=MAX_LAYERS).map(tuple),
    has_chat_template=st.booleans(),
    kind=st.sampled_from(Kind),
    unknown_tensor=printable,
    unknown_type=st.none() | st.integers(0, 2**32),
    name=printable,
)
files = st.builds(
    FetchedFile,
    role=st.just("mmproj"),
    sha256=st.just("a" * 64),
    size_bytes=counts,
    revision=st.none() | st.just("b" * 40),
    parts=st.integers(1, 99999),
)
results = st.builds(
    lambda file, others, gguf: FetchResult((file, *others), gguf),
    st.just(FetchedFile("model", "c" * 64, 7, "d" * 40)),
    st.lists(files, max_size=1),
    facts,
)
progresses = st.builds(
    Progress,
    file=st.text(max_size=50),
    bytes=counts,
    total=st.none() | counts,
    bytes_per_second=counts,
    eta_seconds=st.none() | counts,
)


@given(results)
def test_a_result_comes_back_and_fits_a_termination_message(result):
    text = encode_termination(result)
    assert len(text.encode()) <= TERMINATION_LIMIT
    assert parse_termination(text) == result
    assert result.model.role == "model"


def test_the_largest_result_fits_a_termination_message():
    heads = tuple(1000 + layer % 2 for layer in range(MAX_LAYERS))
    flags = tuple(layer % 2 for layer in range(MAX_LAYERS))
    number = 2**40
    gguf = GGUFFacts(
        *("a" * 64, 2**50, "Q4_K_M", number, number, MAX_LAYERS, number, 1023, heads),
        *(number, number, number, number, number, number, flags, number, number, 99999),
        *(True, "n" * 64, Kind.CONTROL_VECTOR, "t" * 64, 2**32 - 1),
    )
    files = (FetchedFile("model", "c" * 64, number, "d" * 64, 99999),)
    projector = FetchedFile("mmproj", "c" * 64, number, "d" * 64)
    result = FetchResult((*files, projector), gguf)
    assert len(encode_termination(result)) <= TERMINATION_LIMIT
    assert parse_termination(encode_termination(result)) == result


@given(st.text(max_size=9000))
def test_a_failure_keeps_its_reason_and_fits(message):
    text = encode_termination(FetchFailure("CacheFull", message))
    assert len(text.encode()) <= TERMINATION_LIMIT
    failure = parse_termination(text)
    assert isinstance(failure, FetchFailure)
    assert failure.reason == "CacheFull"
    assert message.startswith(failure.message)


def test_a_message_of_usual_length_is_kept_whole():
    failure = FetchFailure("ChecksumMismatch", "the sum is off: " + "x" * 900)
    assert parse_termination(encode_termination(failure)) == failure


@given(st.lists(progresses, min_size=1, max_size=3))
def test_the_last_progress_of_a_log_counts(history):
    log = "\n".join(["noise", *map(encode_progress, history), '{"event":"prog'])
    assert parse_log(log) == history[-1]


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_foreign_text_is_no_report(text):
    assert parse_termination(text) is None
    assert parse_log(text) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"reason":"ModelReady"}',
        '{"reason":"ModelReady","files":[],"gguf":{}}',
        '{"reason":"ModelReady","files":[3],"gguf":{}}',
        '{"reason":"ModelReady","files":[{"role":"model","sha256":"","sizeBytes":"1"}],"gguf":{}}',
        '{"reason":3}',
    ],
)
def test_a_broken_result_is_no_result(text):
    assert parse_termination(text) is None


def test_an_error_line_is_no_progress():
    assert parse_log(encode_error(FetchFailure("NotGGUF", "text"))) is None


@pytest.mark.parametrize(
    ("progress", "sentence"),
    [
        (
            Progress("m.gguf", 3 * 2**30 // 2, 4 * 2**30, 88 * 2**20, 29),
            "1.5 of 4.0 GiB (37%), 88 MiB/s, 29 s left",
        ),
        (
            Progress("m.gguf", 2**28, 40 * 2**30, 2**20, 4000),
            "0.25 of 40.0 GiB (0%), 1 MiB/s, 66 min left",
        ),
        (Progress("m.gguf", 0, 2**30), "0.00 of 1.0 GiB (0%), 0 MiB/s"),
        (Progress("m.gguf", 2**29, None, 2**20), "0.50 GiB of m.gguf, 1 MiB/s"),
    ],
)
def test_a_sentence_for_people(progress, sentence):
    assert describe(progress) == sentence
