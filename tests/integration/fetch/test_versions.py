"""Is a model put together from two versions, or given up, where nobody says which version it is?"""

import hashlib

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes, split_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=20_000_000)
OTHER = gguf_bytes(weights=20_000_000, seed=2)
SUM = hashlib.sha256(MODEL).hexdigest()
FILE = "owner/repo/q4.gguf"


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def plain_streams(hub):
    """Downloads, the short look at the start aside, that asked for no range."""
    return [seen for seen in hub.requests_to("hub") if "Range" not in seen.headers]


NOTHING_IDENTIFIES = [
    ("no validator", None, False),
    ("a date", None, True),
    ("weak ETags under one date", "weak by content", True),
    ("weak ETags", "weak by content", False),
    ("one weak ETag", 'W/"1"', True),
]


@pytest.mark.parametrize("answers", range(1, 6))
@pytest.mark.parametrize(("sentence", "etag", "date"), NOTHING_IDENTIFIES)
def test_versions_are_never_mixed(fetcher, hub, sentence, etag, date, answers):
    hub.faults.etag, hub.faults.last_modified = etag, date
    hub.later, hub.faults.swapped = {"q4.gguf": OTHER}, answers
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() in (MODEL, OTHER), sentence
    assert len(plain_streams(hub)) == 1
    assert any("nothing identifies the version" in note for note in outcome.notes)


def test_a_sum_identifies_a_version(fetcher, hub):
    hub.faults.etag, hub.faults.last_modified = None, False
    outcome = fetcher(hub.plain(FILE), "--sha256", SUM)
    assert outcome.status == 0, outcome.log
    assert plain_streams(hub) == []


def test_a_mixture_is_never_published(fetcher, hub):
    """The sum lets ranges in; it is what tells the mixture, too."""
    hub.faults.etag, hub.faults.last_modified = None, False
    hub.later, hub.faults.swapped = {"q4.gguf": OTHER}, 3
    outcome = fetcher(hub.plain(FILE), "--sha256", SUM)
    assert outcome.failure.reason == reasons.CHECKSUM_MISMATCH
    assert list((fetcher.cache / "blobs").iterdir()) == []


@pytest.mark.parametrize("answers", range(1, 6))
def test_a_strong_etag_tells_the_versions_apart(fetcher, hub, answers):
    hub.later, hub.faults.swapped = {"q4.gguf": OTHER}, answers
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() == OTHER


def test_an_etag_of_each_node_ends_in_one_stream(fetcher, hub):
    hub.faults.etag = "by answer"
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() == MODEL
    assert len(plain_streams(hub)) == 1
    assert any("give its sum" in note for note in outcome.notes)


def test_an_etag_of_each_node_with_a_sum(fetcher, hub):
    hub.faults.etag = "by answer"
    outcome = fetcher(hub.plain(FILE), "--sha256", SUM)
    assert outcome.status == 0, outcome.log
    assert plain_streams(hub) == []


@pytest.mark.parametrize("answers", [1, 2, 3])
@pytest.mark.parametrize("flags", [(), ("--sha256", SUM)])
def test_ranges_that_end_after_the_first_answers(fetcher, hub, answers, flags):
    hub.faults.range_answers = answers
    outcome = fetcher(hub.plain(FILE), *flags)
    assert outcome.status == 0, outcome.log
    source = hub.plain(FILE)
    assert fetcher.model(source, flags[1] if flags else None).read_bytes() == MODEL
    assert len(plain_streams(hub)) == 1
    assert fetcher.leftovers() == []


def test_a_file_of_another_size_behind_the_first_answer(fetcher, hub):
    hub.faults.ranges = False
    hub.later, hub.faults.swapped = {"q4.gguf": gguf_bytes(weights=9_000_000)}, 1
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() == hub.later["q4.gguf"]


def test_a_file_that_shrinks_below_a_range(fetcher, hub):
    small = gguf_bytes(weights=100_000)
    hub.later, hub.faults.swapped = {"q4.gguf": small}, 2
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() == small


def test_a_split_model_without_versions(fetcher, hub):
    parts = split_bytes(3, weights=100_000)
    names = [f"m-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    hub.repos["owner/repo"] = dict(zip(names, parts, strict=True))
    hub.faults.etag, hub.faults.last_modified = "by answer", False
    outcome = fetcher(hub.plain(f"owner/repo/{names[0]}"))
    assert outcome.status == 0, outcome.log
    folder = fetcher.model(hub.plain(f"owner/repo/{names[0]}")).parent
    assert [(folder / name).read_bytes() for name in names] == parts


@pytest.mark.parametrize("status", [500, 520, 522, 524, 527, 530, 599])
def test_answers_that_pass(fetcher, hub, status):
    hub.faults.busy, hub.faults.busy_status = 2, status
    outcome = fetcher(hub.plain(FILE))
    assert outcome.status == 0, outcome.log
    assert any(f"answers {status}" in note for note in outcome.notes)


@pytest.mark.parametrize("place", [0, 100, 9_000_000])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_trickle_is_given_up(fetcher, hub, place, ranges):
    hub.faults.trickle_at, hub.faults.ranges = place, ranges
    outcome = fetcher(
        hub.plain(FILE), LLMSTACK_FETCH_SLOW_SECONDS="0.5", LLMSTACK_FETCH_ATTEMPTS="2"
    )
    assert outcome.failure.reason == reasons.SOURCE_UNREACHABLE
    assert "bytes per second" in outcome.failure.message
    assert "LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND" in outcome.failure.message


def test_the_floor_is_a_setting(fetcher, hub):
    hub.faults.trickle_at = len(MODEL) - 10
    floor = {"LLMSTACK_FETCH_SLOW_SECONDS": "0.2", "LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND": "2"}
    outcome = fetcher(hub.plain(FILE), **floor)
    assert outcome.status == 0, outcome.log


def test_a_head_that_never_ends_is_given_up(fetcher, hub):
    hub.faults.slow_heads = True
    limits = {"LLMSTACK_FETCH_SLOW_SECONDS": "0.5", "LLMSTACK_FETCH_IDLE_SECONDS": "0.5"}
    outcome = fetcher(hub.plain(FILE), LLMSTACK_FETCH_ATTEMPTS="2", **limits)
    assert outcome.failure.reason == reasons.SOURCE_UNREACHABLE
    assert "was silent" in outcome.failure.message
    assert len(hub.seen) == 2
