"""Who downloads? One, as long as it lives."""

import socket
import threading
import time

import pytest

from llmstack.fetch.lock import Lock


def never():
    """The work is not done."""
    return False


def lock(path, patience=10.0, waiting=lambda host: None):
    return Lock(path, patience, waiting)


def test_a_free_lock_is_had_at_once_and_given_back(tmp_path):
    found = lock(tmp_path / "key")
    assert found.acquire(never)
    found.release()
    assert list(tmp_path.iterdir()) == []


def test_nobody_waits_for_work_that_is_done(tmp_path):
    assert not lock(tmp_path / "key").acquire(lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_the_second_waits_until_the_first_is_done(tmp_path):
    first, hosts, done = lock(tmp_path / "key"), [], threading.Event()
    assert first.acquire(never)

    def waiting(host):
        hosts.append(host)
        done.set()

    assert not lock(tmp_path / "key", waiting=waiting).acquire(done.is_set)
    assert hosts == [socket.gethostname()]
    first.release()


def test_the_lock_of_a_process_that_died_here_is_taken_over(tmp_path):
    (tmp_path / "key").write_text(f'{{"holder": "x", "host": "{socket.gethostname()}", "beat": 3}}')
    found = lock(tmp_path / "key")
    assert found.acquire(never)
    found.release()


@pytest.mark.parametrize("text", ['{"holder": "x", "host": "elsewhere", "beat": 3}', "", "garbage"])
def test_a_lock_that_is_not_renewed_is_taken_over(tmp_path, text):
    (tmp_path / "key").write_text(text)
    found = lock(tmp_path / "key", patience=0.2)
    assert found.acquire(never)
    found.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_renewed_is_respected(tmp_path):
    """Its holder is on another node: only the renewal tells that it lives."""
    path = tmp_path / "key"
    until = time.monotonic() + 1.5
    beats = iter(range(10**6))

    def is_done():
        path.write_text(f'{{"holder": "x", "host": "elsewhere", "beat": {next(beats)}}}')
        return time.monotonic() > until

    assert not lock(path, patience=1.0).acquire(is_done)


def test_who_lost_the_lock_does_not_remove_its_successors(tmp_path):
    first = lock(tmp_path / "key")
    assert first.acquire(never)
    (tmp_path / "key").unlink()
    second = lock(tmp_path / "key")
    assert second.acquire(never)
    first.release()
    assert (tmp_path / "key").exists()
    second.release()
