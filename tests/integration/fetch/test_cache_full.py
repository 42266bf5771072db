"""What happens when the cache's disk is too small? On a real one: a tmpfs in a mount namespace.

The fetches run inside it, so that nothing is left mounted whatever happens.
"""

import shlex

import pytest

from llmstack.api import reasons
from llmstack.models.report import FetchFailure, FetchResult, parse_termination
from tests.support.gguf_writer import gguf_bytes
from tests.support.hub import Hub

MIB = 2**20
MODEL = gguf_bytes(weights=10 * MIB)
SOURCE = "hf://owner/repo/q4.gguf"


@pytest.fixture
def fetch(fetcher):
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        fetcher.environ["HF_ENDPOINT"] = hub.endpoint
        fetcher.hub = hub
        yield fetcher


def on_a_disk(fetch, size_mib, before="true", after="true"):
    """A fetch into a disk of this size; what `after` prints follows the fetch's log."""
    script = (
        f"mount -t tmpfs -o size={size_mib}M tmpfs {shlex.quote(str(fetch.cache))} && "
        f"cd {shlex.quote(str(fetch.cache))} && {before} && "
        f'"$@"; status=$?; {after}; exit $status'
    )
    fetch.prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    return fetch(SOURCE)


def test_a_disk_that_is_too_small_is_known_before_the_download(fetch):
    outcome = on_a_disk(fetch, 12)
    failure = parse_termination(outcome.termination)
    assert isinstance(failure, FetchFailure)
    assert failure.reason == reasons.CACHE_FULL
    assert "20.0 MiB more are needed and 12.0 MiB are free" in failure.message
    assert "spec.cache.size" in failure.message
    assert fetch.hub.served < 1000


def test_a_disk_that_fills_up_meanwhile(fetch):
    """Another writer takes the room that was there when the download began."""
    fetch.hub.faults.ranges = fetch.hub.faults.announce_size = False
    outcome = on_a_disk(fetch, 12)
    failure = parse_termination(outcome.termination)
    assert isinstance(failure, FetchFailure)
    assert failure.reason == reasons.CACHE_FULL
    assert "are free" in failure.message


def test_what_nobody_continues_makes_room(fetch):
    abandoned = (
        "mkdir partial && head -c 8M /dev/zero > partial/old.00001.x.y.partial && "
        "touch -d '2 hours ago' partial/old.00001.x.y.partial"
    )
    outcome = on_a_disk(fetch, 24, before=abandoned)
    assert isinstance(parse_termination(outcome.termination), FetchResult), outcome.log


def test_a_read_only_volume(fetch):
    outcome = on_a_disk(fetch, 24, before="mount -o remount,ro . ")
    failure = parse_termination(outcome.termination)
    assert isinstance(failure, FetchFailure)
    assert failure.reason == reasons.CACHE_NOT_WRITABLE
    assert "Read-only file system" in failure.message
    assert "Mount the volume read-write" in failure.message


def test_a_volume_that_does_not_tell_its_size(fetch):
    """A tmpfs without a limit reports 0 blocks, as some network file systems do."""
    outcome = on_a_disk(fetch, 0, after="stat -f -c 'blocks %b' .")
    assert "blocks 0" in outcome.log
    assert isinstance(parse_termination(outcome.termination), FetchResult), outcome.log
