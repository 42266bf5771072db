"""Is nothing lost or doubled, whenever a fetch is killed, stopped, or has company?

LLMSTACK_SOAK=1 runs the full counts.
"""

import os
import random
import signal
import socket
import time

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=24_000_000)
SOURCE = "hf://owner/repo/q4.gguf"
SOAK = os.environ.get("LLMSTACK_SOAK") == "1"


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def wait_until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.002)


def run_until_served(fetch, hub, count, number):
    """Run a fetch until the server has sent so many bytes more, then signal it."""
    running = fetch.start(SOURCE)
    target = hub.served + count
    wait_until(lambda: hub.served >= target or running.process.poll() is not None, "bytes")
    running.signal(number)
    return running


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40 if SOAK else 2))
def test_killed_again_and_again_at_any_byte(fetch, hub, seed, record_property):
    chance = random.Random(seed)
    hub.faults.bytes_per_second = 30_000_000
    kills = 0
    while kills < 3:
        run_until_served(fetch, hub, chance.randrange(1, 12_000_000), signal.SIGKILL).wait()
        kills += 1
    record_property("kills", kills)
    hub.faults.bytes_per_second = 0
    assert fetch(SOURCE).status == 0
    assert fetch.model(SOURCE).read_bytes() == MODEL
    assert fetch.leftovers() == []


def test_what_was_recorded_is_not_downloaded_again(fetch, hub):
    hub.faults.bytes_per_second = 40_000_000
    run_until_served(fetch, hub, 45_000_000, signal.SIGTERM).wait()
    hub.faults.bytes_per_second = 0
    before = hub.served
    assert fetch(SOURCE).status == 0
    # What lay in sockets when it ended counts as served, and is fetched again.
    assert hub.served - before < len(MODEL) / 2
    assert fetch.model(SOURCE).read_bytes() == MODEL


def test_sigterm_ends_at_once_and_leaves_no_lock(fetch, hub):
    hub.faults.bytes_per_second = 500_000
    running = fetch.start(SOURCE)
    running.read_until(lambda line: '"bytes":' in line and '"bytes":0,' not in line)
    running.signal(signal.SIGTERM)
    outcome = running.wait()
    assert outcome.status == 143
    assert outcome.termination == ""
    assert not any(path.startswith("locks/") for path in fetch.leftovers())
    hub.faults.bytes_per_second = 0
    assert fetch(SOURCE).status == 0


@pytest.mark.parametrize("place", [0, 100_000])
def test_an_old_partial_with_wrong_bytes_is_thrown_away(fetch, hub, place):
    hub.faults.bytes_per_second = 20_000_000
    run_until_served(fetch, hub, 30_000_000, signal.SIGTERM).wait()
    (partial,) = (fetch.cache / "partial").glob("*.partial")
    with partial.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 4096)
    hub.faults.bytes_per_second = 0
    outcome = fetch(SOURCE)
    assert outcome.status == 0, outcome.log
    assert any("starting again" in note for note in outcome.notes)
    assert fetch.model(SOURCE).read_bytes() == MODEL


def test_two_pods_at_once_download_once(fetch, hub):
    hub.faults.bytes_per_second = 10_000_000
    both = [fetch.start(SOURCE), fetch.start(SOURCE)]
    outcomes = [running.wait() for running in both]
    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert hub.served < len(MODEL) + 2000
    assert sum("waiting for" in outcome.log for outcome in outcomes) == 1


def test_two_pods_at_once_end_well_without_the_lock(fetch, hub):
    hub.faults.bytes_per_second = 10_000_000
    first = fetch.start(SOURCE)
    wait_until(lambda: hub.served > 5_000_000, "bytes")
    for lock in (fetch.cache / "locks").iterdir():
        lock.unlink()
    second = fetch.start(SOURCE)
    assert [first.wait().status, second.wait().status] == [0, 0]
    assert fetch.model(SOURCE).read_bytes() == MODEL
    assert list((fetch.cache / "partial").iterdir()) == []


def test_the_lock_of_a_dead_pod_of_another_node_is_taken_over(fetch, hub):
    hub.faults.bytes_per_second = 20_000_000
    run_until_served(fetch, hub, 10_000_000, signal.SIGKILL).wait()
    (lock,) = (fetch.cache / "locks").iterdir()
    lock.write_text(lock.read_text().replace(socket.gethostname(), "another-node"))
    hub.faults.bytes_per_second = 0
    outcome = fetch(SOURCE)
    assert outcome.status == 0
    assert any("waiting for another-node" in note for note in outcome.notes)


def test_a_live_holder_that_pauses_does_no_harm(fetch, hub):
    hub.faults.bytes_per_second = 10_000_000
    first = fetch.start(SOURCE)
    wait_until(lambda: hub.served > 5_000_000, "bytes")
    first.signal(signal.SIGSTOP)
    hub.faults.bytes_per_second = 0
    second = fetch(SOURCE)
    first.signal(signal.SIGCONT)
    assert second.status == 0
    assert first.wait().status == 0
    assert fetch.model(SOURCE).read_bytes() == MODEL
    assert fetch.leftovers() == []


def test_partials_of_an_older_version_are_removed(fetch, hub):
    hub.faults.bytes_per_second = 20_000_000
    run_until_served(fetch, hub, 10_000_000, signal.SIGKILL).wait()
    newer = gguf_bytes(weights=1_000_000, seed=5)
    hub.repos["owner/repo"]["q4.gguf"] = newer
    assert fetch(SOURCE).status == 0
    assert fetch.model(SOURCE).read_bytes() == newer
    assert fetch.leftovers() == []


def test_a_damaged_marker_is_no_model(fetch, hub):
    fetch(SOURCE)
    marker = fetch.model(SOURCE).parent.with_suffix(".json")
    marker.write_text(marker.read_text()[:40])
    hub.seen.clear()
    served = hub.served
    assert fetch(SOURCE).status == 0
    assert hub.served - served < 1000, "the blob is there and verified"


def test_a_blob_that_vanished_is_fetched_again(fetch, hub):
    fetch(SOURCE)
    fetch.model(SOURCE).resolve().unlink()
    assert fetch(SOURCE).status == 0
    assert fetch.model(SOURCE).read_bytes() == MODEL


def test_a_cache_that_is_not_writable(fetch, hub):
    fetch.prefix = ("setpriv", "--reuid=65532", "--clear-groups", "--")
    fetch.cache.chmod(0o755)
    fetch.folder.chmod(0o755)
    outcome = fetch(SOURCE)
    reason, message = reasons.CACHE_NOT_WRITABLE, "is not writable for user 65532"
    assert f'"reason":"{reason}"' in outcome.log
    assert message in outcome.log
