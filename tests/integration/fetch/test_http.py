"""Does a model come from any web server, whatever it can and cannot do?"""

import hashlib

import pytest

from llmstack.api import reasons
from tests.support.gguf_writer import gguf_bytes
from tests.support.hub import Hub

MODEL = gguf_bytes(weights=20_000_000)
OTHER = gguf_bytes(weights=20_000_000, seed=2)
SUM = hashlib.sha256(MODEL).hexdigest()
FILE = "owner/repo/q4.gguf"


@pytest.fixture
def hub():
    with Hub({"owner/repo": {"q4.gguf": MODEL}}) as hub:
        yield hub


def arrives(fetcher, hub, *flags, **environ):
    source = hub.plain(FILE)
    outcome = fetcher(source, *flags, **environ)
    assert outcome.status == 0, outcome.log
    sha256 = flags[1] if flags else None
    assert fetcher.model(source, sha256).read_bytes() == MODEL
    assert outcome.result.model.sha256 == SUM
    assert fetcher.leftovers() == []
    return outcome


def test_parallel_ranges(fetcher, hub):
    arrives(fetcher, hub)
    ranges = {seen.headers["Range"] for seen in hub.requests_to("hub")}
    assert len(ranges) > 3
    assert hub.served < 1.25 * len(MODEL)


def test_a_server_without_ranges(fetcher, hub):
    hub.faults.ranges = False
    arrives(fetcher, hub)


def test_a_server_that_does_not_tell_the_size(fetcher, hub):
    hub.faults.ranges = hub.faults.announce_size = False
    assert arrives(fetcher, hub).result.model.size_bytes == len(MODEL)


def test_a_server_without_validators(fetcher, hub):
    hub.faults.etag, hub.faults.last_modified = None, False
    arrives(fetcher, hub)


def test_a_redirect_to_another_host_without_the_token(fetcher, hub, tmp_path):
    hub.faults.redirect_plain = True
    hub.token = "secret"
    (tmp_path / "token").write_text("secret")
    arrives(fetcher, hub, HF_TOKEN_FILE=str(tmp_path / "token"))
    assert not any("Authorization" in seen.headers for seen in hub.requests_to("cdn"))


def test_the_right_sum(fetcher, hub):
    arrives(fetcher, hub, "--sha256", SUM)


@pytest.mark.parametrize("ranges", [True, False])
def test_dropped_connections_are_taken_up_again(fetcher, hub, ranges):
    hub.faults.ranges = ranges
    hub.faults.drop_at, hub.faults.drops = 17_000_001, 3
    outcome = arrives(fetcher, hub)
    assert any("early" in note or "dropped" in note for note in outcome.notes)
    if ranges:
        assert hub.served < 1.5 * len(MODEL)


def test_a_silent_connection_is_given_up_and_replaced(fetcher, hub):
    hub.faults.stall_at, hub.faults.stalls = 9_000_000, 2
    outcome = arrives(fetcher, hub, LLMSTACK_FETCH_IDLE_SECONDS="1")
    assert any("silent" in note for note in outcome.notes)


def test_a_server_that_allows_few_connections(fetcher, hub):
    hub.faults.redirect_plain = True
    hub.faults.most_connections = 2
    hub.faults.bytes_per_second = 20_000_000
    arrives(fetcher, hub)


def test_a_file_that_changes_meanwhile_is_fetched_anew(fetcher, hub):
    hub.repos["owner/repo"]["q4.gguf"] = OTHER
    hub.faults.bytes_per_second = 4_000_000
    running = fetcher.start(hub.plain(FILE), LLMSTACK_FETCH_CONNECTIONS="2")
    running.read_until(lambda line: '"bytes":1' in line or '"bytes":2' in line)
    hub.faults.bytes_per_second = 0
    hub.repos["owner/repo"]["q4.gguf"] = MODEL
    outcome = running.wait()
    assert outcome.status == 0, outcome.log
    assert fetcher.model(hub.plain(FILE)).read_bytes() in (MODEL, OTHER)


def refused(fetcher, source, *flags, **environ):
    outcome = fetcher(source, *flags, **environ)
    assert outcome.status == 1, outcome.log
    assert not fetcher.model(source).exists()
    return outcome.failure.reason, outcome.failure.message


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_is_truncated_on_its_server(fetcher, hub, ranges):
    hub.faults.ranges = ranges
    hub.faults.truncate_at = 15_000_000
    reason, message = refused(fetcher, hub.plain(FILE))
    assert reason == reasons.SOURCE_TRUNCATED
    assert "tried 4 times" in message


def test_a_gguf_whose_weights_are_cut_off(fetcher, hub):
    hub.repos["owner/repo"]["q4.gguf"] = MODEL[:-1000]
    hub.faults.bytes_per_second = 10_000_000
    reason, message = refused(fetcher, hub.plain(FILE), LLMSTACK_FETCH_CONNECTIONS="1")
    assert reason == reasons.NOT_GGUF
    assert "truncated" in message
    assert hub.served < len(MODEL), "its header told"
    assert fetcher.leftovers() == []


def test_the_wrong_sum(fetcher, hub):
    reason, message = refused(fetcher, hub.plain(FILE), "--sha256", "1" * 64)
    assert reason == reasons.CHECKSUM_MISMATCH
    assert "spec.model.sha256 is " + "1" * 64 in message
    assert SUM in message
    assert fetcher.leftovers() == []


def test_no_such_file(fetcher, hub):
    reason, message = refused(fetcher, hub.plain("owner/repo/none.gguf"))
    assert reason == reasons.SOURCE_NOT_FOUND
    assert "none.gguf" in message


def test_a_host_name_that_does_not_resolve(fetcher):
    reason, message = refused(fetcher, "http://no-such-host.invalid/q4.gguf")
    assert reason == reasons.SOURCE_UNREACHABLE
    assert "no-such-host.invalid cannot be resolved" in message


def test_nobody_listens(fetcher):
    reason, message = refused(fetcher, "http://127.0.0.1:1/q4.gguf")
    assert reason == reasons.SOURCE_UNREACHABLE
    assert "Connection refused" in message


def test_an_empty_file(fetcher, hub):
    hub.repos["owner/repo"]["q4.gguf"] = b""
    reason, message = refused(fetcher, hub.plain(FILE))
    assert reason == reasons.NOT_GGUF
    assert "begins with nothing" in message


def test_a_source_that_names_nothing(fetcher):
    outcome = fetcher("hf://owner")
    assert outcome.status == 1
    assert outcome.failure.reason == reasons.INVALID_SPEC
    assert "write hf://owner/repo" in outcome.failure.message


def test_a_proxy_is_used_and_bypassed(fetcher, hub):
    source = hub.plain(FILE)
    reason, message = refused(fetcher, source, HTTP_PROXY="http://127.0.0.1:1")
    assert reason == reasons.SOURCE_UNREACHABLE
    assert "through the proxy" in message
    arrives(fetcher, hub, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1")
