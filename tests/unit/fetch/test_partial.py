"""Who owns a file in the making, and what of it counts?"""

import os
import time

import pytest

from llmstack.fetch.partial import journal_of, open_partial, remove_abandoned

MIB = 2**20


def begin(folder, **options):
    return open_partial(folder, "key.00001.v1", MIB, **options)


def test_the_next_fetcher_continues(tmp_path):
    first = begin(tmp_path)
    first.write(b"abc", 1000)
    first.record(1000, 1003)
    first.close()
    second = begin(tmp_path)
    assert second.path == first.path
    assert (second.done, second.have) == (((1000, 1003),), 3)
    assert second.read(1000, 3) == b"abc"


def test_one_in_work_is_left_alone(tmp_path):
    first = begin(tmp_path)
    first.record(0, 100)
    second = begin(tmp_path)
    assert second.path != first.path
    assert second.done == ()


def test_another_version_is_another_file(tmp_path):
    begin(tmp_path).close()
    other = open_partial(tmp_path, "key.00001.v2", MIB)
    assert len(list(tmp_path.glob("*.partial"))) == 2
    assert other.done == ()


def test_nothing_is_resumed_that_nothing_identifies(tmp_path):
    first = begin(tmp_path)
    first.record(0, 100)
    first.close()
    assert begin(tmp_path, resume=False).done == ()


@pytest.mark.parametrize("size", [0, MIB - 1])
def test_a_file_of_the_wrong_size_proves_nothing(tmp_path, size):
    first = begin(tmp_path)
    first.record(0, 100)
    first.close()
    os.truncate(first.path, size)
    second = begin(tmp_path)
    assert second.done == ()
    assert second.written() == MIB


def test_after_a_reboot_only_flushed_bytes_count(tmp_path):
    first = begin(tmp_path)
    first.record(0, 100)
    first.flush()
    first.record(200, 300)
    first.close()
    journal = journal_of(first.path)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join("boot earlier;\n" if "boot" in line else line for line in lines))
    assert begin(tmp_path).done == ((0, 100),)


def test_a_second_flush_without_news_writes_nothing(tmp_path):
    first = begin(tmp_path)
    first.record(0, 100)
    first.flush()
    text = journal_of(first.path).read_text()
    first.flush()
    assert journal_of(first.path).read_text() == text


def test_restart_forgets(tmp_path):
    first = begin(tmp_path)
    first.write(b"abc", 0)
    first.record(0, 3)
    first.restart()
    first.close()
    second = begin(tmp_path)
    assert second.done == ()
    assert second.read(0, 3) == b"\0\0\0"


def test_only_what_has_no_owner_is_removed(tmp_path):
    owned, old, kept = begin(tmp_path), begin(tmp_path), open_partial(tmp_path, "key.00001.v2", MIB)
    for partial in (old, kept):
        partial.write(b"x" * 8192, 0)
        partial.close()
    assert remove_abandoned(tmp_path, "key.00001.*", keep="key.00001.v2") >= 8192
    assert {path.name for path in tmp_path.glob("*.partial")} == {owned.path.name, kept.path.name}
    assert not journal_of(old.path).exists()


def test_what_is_fresh_is_kept(tmp_path):
    partial = begin(tmp_path)
    partial.close()
    remove_abandoned(tmp_path, "*", before=time.time() - 3600)
    assert partial.path.exists()
    remove_abandoned(tmp_path, "*", before=time.time() + 3600)
    assert not partial.path.exists()


def test_a_published_file_is_never_adopted(tmp_path):
    """It was opened before its owner renamed it, and locked after."""
    first = begin(tmp_path)
    first.record(0, 100)
    first.path.rename(tmp_path / "blob")
    first.close()
    assert begin(tmp_path).done == ()
