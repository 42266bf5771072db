"""When is a model complete? Only if marker, links and sizes say so."""

import hashlib

import pytest

from llmstack.engines.facts import GGUFFacts
from llmstack.fetch.cache import Cache, Entry, Stored
from llmstack.fetch.hashing import Summing
from llmstack.fetch.partial import open_partial

DATA = b"model" * 1000
SUM = hashlib.sha256(DATA).hexdigest()
KEY = "0123456789abcdef0123456789abcdef"
FACTS = GGUFFacts("llama", 7, "F16", len(DATA), head_count_kv=(1, 2))


@pytest.fixture
def cache(tmp_path):
    cache = Cache(tmp_path)
    cache.prepare(["q4.gguf"])
    return cache


def store(cache):
    partial = open_partial(cache.partials, "stem", len(DATA))
    partial.write(DATA, 0)
    cache.store(partial, SUM, len(DATA))


def publish(cache, name="q4.gguf"):
    store(cache)
    entry = Entry((Stored(name, SUM, len(DATA), "c0ffee"),), FACTS)
    cache.publish(KEY, entry)
    return entry


@pytest.mark.parametrize("name", ["q4.gguf", "ready.json", f"{KEY}.json", ".hidden", "ü.gguf"])
def test_what_is_published_is_ready(cache, name):
    entry = publish(cache, name)
    assert cache.ready(KEY) == entry
    assert (cache.root / "sources" / KEY / name).read_bytes() == DATA
    assert list(cache.partials.iterdir()) == []


def test_the_cache_may_be_mounted_elsewhere(cache, tmp_path_factory):
    entry = publish(cache)
    moved = cache.root.rename(tmp_path_factory.mktemp("other") / "models")
    assert Cache(moved).ready(KEY) == entry


def spoil_marker(cache):
    (cache.root / "sources" / f"{KEY}.json").write_text('{"version":')


def other_version(cache):
    marker = cache.root / "sources" / f"{KEY}.json"
    marker.write_text(marker.read_text().replace('"version": 1', '"version": 2'))


def no_marker(cache):
    (cache.root / "sources" / f"{KEY}.json").unlink()


def no_link(cache):
    (cache.root / "sources" / KEY / "q4.gguf").unlink()


def other_link(cache):
    no_link(cache)
    (cache.root / "sources" / KEY / "q4.gguf").symlink_to("../../blobs/other")


def no_blob(cache):
    cache.blob(SUM).unlink()


def short_blob(cache):
    cache.blob(SUM).write_bytes(DATA[:-1])


@pytest.mark.parametrize(
    "spoil", [spoil_marker, other_version, no_marker, no_link, other_link, no_blob, short_blob]
)
def test_what_is_incomplete_is_not_ready_and_can_be_published_again(cache, spoil):
    entry = publish(cache)
    spoil(cache)
    assert cache.ready(KEY) is None
    assert publish(cache) == cache.ready(KEY) == entry


def test_a_blob_that_is_there_is_not_replaced(cache):
    store(cache)
    inode = cache.blob(SUM).stat().st_ino
    store(cache)
    assert cache.blob(SUM).stat().st_ino == inode
    assert list(cache.partials.iterdir()) == []


def test_a_blob_counts_only_with_the_announced_size(cache):
    store(cache)
    assert cache.has_blob(SUM, None)
    assert cache.has_blob(SUM, len(DATA))
    assert not cache.has_blob(SUM, len(DATA) + 1)
    assert not cache.has_blob(None, None)


def test_the_sum_follows_what_is_written():
    known = iter([0, 10, 10, 2000, len(DATA)])
    reached = [0]

    def prefix():
        reached[0] = next(known, len(DATA))
        return reached[0]

    def read_into(buffer, offset):
        assert offset + len(buffer) <= reached[0]
        buffer[:] = DATA[offset : offset + len(buffer)]
        return len(buffer)

    summing = Summing(read_into, prefix, len(DATA))
    summing.start()
    summing.join()
    assert summing.hexdigest() == SUM


def test_a_file_that_ends_early_has_no_sum():
    summing = Summing(lambda buffer, offset: 0, lambda: 10, 10)
    summing.start()
    summing.join()
    with pytest.raises(OSError, match="ends at byte 0 of 10"):
        summing.hexdigest()
