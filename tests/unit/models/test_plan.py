"""Which bytes are still to be fetched? Invariants of ranges and of the journal."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.models.plan import (
    MAX_CHUNK,
    MIN_CHUNK,
    Journal,
    boot_record,
    chunk_size,
    chunks,
    covered,
    flush_record,
    merge,
    missing,
    needed_space,
    new_journal,
    prefix,
    range_record,
    read_journal,
)

TOTAL = 1000
ranges = st.lists(
    st.tuples(st.integers(0, TOTAL), st.integers(0, TOTAL)).map(lambda p: (min(p), max(p))),
    max_size=12,
)


def bytes_of(pairs):
    return {position for start, end in pairs for position in range(start, end)}


@given(ranges)
def test_merging_keeps_every_byte_and_leaves_gaps_between(pairs):
    merged = merge(pairs)
    assert bytes_of(merged) == bytes_of(pairs)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(merged))
    assert covered(pairs) == len(bytes_of(pairs))


@given(ranges, st.integers(0, TOTAL), st.integers(1, TOTAL))
def test_what_is_done_and_what_is_asked_for_tile_the_file_exactly(done, total, size):
    asked = list(chunks(missing(total, done), size))
    have = bytes_of(done) & set(range(total))
    assert bytes_of(asked) == set(range(total)) - have
    assert sum(end - start for start, end in asked) == total - len(have)
    assert all(0 < end - start <= size for start, end in asked)


@given(ranges)
def test_the_prefix_has_no_gap(done):
    end = prefix(done)
    assert set(range(end)) <= bytes_of(done)
    assert end not in bytes_of(done)


@pytest.mark.parametrize(
    ("total", "connections", "size"),
    [(100, 8, MIN_CHUNK), (2**30, 8, 2**25), (40 * 2**30, 8, MAX_CHUNK), (2**28, 1, 2**26)],
)
def test_chunk_size(total, connections, size):
    assert chunk_size(total, connections) == size


events = st.lists(
    st.one_of(
        ranges.map(lambda pairs: ("write", merge(pairs))),
        st.just(("flush", ())),
        st.sampled_from(["a", "b"]).map(lambda boot: ("restart", boot)),
    ),
    max_size=12,
)


def play(history):
    """The journal of a history, and what is really on disk and in the page cache of its end."""
    text, last = new_journal(Journal(), "a")
    boot, cached, durable = "a", set(), set()
    for event, detail in history:
        if event == "write":
            for pair in detail:
                last += 1
                text += range_record(last, *pair)
                cached |= bytes_of([pair])
        elif event == "flush":
            durable |= cached
            text += flush_record(last)
        else:
            if detail != boot:
                cached = set(durable)
            boot = detail
            text, last = new_journal(read_journal(text, boot, TOTAL), boot)
    return text, boot, cached | durable, durable


@given(events, st.integers(0, 10_000))
def test_a_journal_torn_anywhere_never_claims_a_byte_that_is_not_there(history, cut):
    text, boot, present, durable = play(history)
    torn = text[: cut % (len(text) + 1)]
    assert bytes_of(read_journal(torn, boot, TOTAL).done) <= present
    assert bytes_of(read_journal(torn, "another kernel", TOTAL).done) <= durable


@given(events)
def test_a_whole_journal_loses_no_byte(history):
    text, boot, present, durable = play(history)
    assert bytes_of(read_journal(text, boot, TOTAL).done) == present
    assert bytes_of(read_journal(text, "another kernel", TOTAL).done) == durable


@given(events, st.text(alphabet="+=;bot 0123456789\n", max_size=40), st.integers(0, 10_000))
def test_garbage_in_a_journal_is_no_crash(history, garbage, place):
    text, boot, _, _ = play(history)
    at = place % (len(text) + 1)
    done = read_journal(text[:at] + garbage + text[at:], boot, TOTAL).done
    assert all(0 <= start < end <= TOTAL for start, end in done)


def test_without_a_boot_id_only_the_disk_counts():
    text = boot_record("") + range_record(1, 0, 10) + flush_record(1) + range_record(2, 10, 20)
    assert read_journal(text, "", TOTAL) == Journal(((0, 10),), ())


def test_needed_space():
    assert needed_space([(100, 0), (50, 20), (10, 30)]) == 130
