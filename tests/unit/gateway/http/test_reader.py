"""What does the gateway read from a client's bytes?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.http.framing import chunk
from llmstack.gateway.http.head import Malformed
from llmstack.gateway.http.reader import RequestReader
from llmstack.settings.limits import Limits
from tests.unit.gateway.http.malformed_cases import CASES, Case
from tests.unit.gateway.http.test_framing import cut

HEAD = b"POST /v1/chat/completions?x=y HTTP/1.1\r\nHost: gateway:8080\r\nX-A: b\r\n"


def read(*pieces: bytes, limits: Limits | None = None) -> RequestReader:
    reader = RequestReader(limits or Limits())
    for piece in pieces:
        reader.feed(piece)
    return reader


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("by", [1, 1 << 20])
def test_what_is_malformed_is_refused_in_any_pieces(case: Case, by: int) -> None:
    reader = RequestReader(Limits())
    with pytest.raises(Malformed) as raised:
        for start in range(0, len(case.sent), by):
            reader.feed(case.sent[start : start + by])
    assert raised.value.status == case.status


@given(
    bodies=st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    chunked=st.booleans(),
    data=st.data(),
)
def test_requests_are_read_one_after_the_other(
    bodies: list[bytes], chunked: bool, data: st.DataObject
) -> None:
    sent = b"".join(framed(body, chunked) for body in bodies)
    reader = RequestReader(Limits())
    found = []
    for piece in data.draw(cut(sent)):
        reader.feed(piece)
        while reader.complete:
            assert reader.head is not None
            assert reader.head.path == "/v1/chat/completions"
            found.append(bytes(reader.body.data))
            reader.next()
    assert found == bodies
    assert not reader.begun


def framed(body: bytes, chunked: bool) -> bytes:
    if not chunked:
        return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    half = len(body) // 2
    parts = [chunk(part) for part in (body[:half], body[half:]) if part]
    return HEAD + b"Transfer-Encoding: Chunked\r\n\r\n" + b"".join(parts) + b"0\r\nA: b\r\n\r\n"


def test_a_head_is_known_before_its_body() -> None:
    reader = read(HEAD + b"Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n12")
    assert reader.head is not None
    assert reader.head.expects
    assert reader.head.host == "gateway:8080"
    assert reader.head.get(b"x-a") == "b"
    assert not reader.complete
    reader.feed(b"345")
    assert reader.complete
    assert reader.body.data == b"12345"


def test_empty_lines_may_come_before_a_request() -> None:
    for pieces in (
        [b"\r\n\r\n" + HEAD + b"\r\n"],
        [b"\r", b"\n", b"\r\n\r", b"\n" + HEAD, b"\r\n"],
    ):
        assert read(*pieces).body.data == b""


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v1/models", "/v1/models"),
        (b"/v1/models?a=b?c", "/v1/models"),
        (b"http://elsewhere/v1/models?a", "/v1/models"),
        (b"http://elsewhere", "/"),
        (b"//v1/models", "//v1/models"),
        (b"/v1/../slots", "/v1/../slots"),
        (b"/v1/%6dodels", "/v1/%6dodels"),
        (b"*", "*"),
    ],
)
def test_targets(target: bytes, path: str) -> None:
    """Nothing is decoded or resolved: a path that is not literally known is not forwarded."""
    method = b"OPTIONS" if target == b"*" else b"GET"
    reader = read(method + b" " + target + b" HTTP/1.1\r\nHost: gateway\r\n\r\n")
    assert reader.head is not None
    assert reader.head.path == path


@pytest.mark.parametrize(
    ("value", "keeps"),
    [(b"", True), (b"keep-alive", True), (b"close", False), (b"x, Close", False), (b"TE", True)],
)
def test_whether_another_request_may_follow(value: bytes, keeps: bool) -> None:
    reader = read(HEAD + b"Connection: " + value + b"\r\n\r\n")
    assert reader.head is not None
    assert reader.head.keep_alive is keeps


def test_a_switch_to_another_protocol_is_left_aside() -> None:
    """Java's client asks for HTTP/2 with each first request, and sends its body all the same."""
    asks = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
    reader = read(HEAD + asks + b"Content-Length: 5\r\n\r\n12345")
    assert reader.complete
    assert reader.body.data == b"12345"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_too_long(chunked: bool) -> None:
    with pytest.raises(Malformed) as raised:
        read(framed(b"x" * 101, chunked), limits=Limits(body=100))
    assert raised.value.status == 413
    assert read(framed(b"x" * 100, chunked), limits=Limits(body=100)).body.data == b"x" * 100


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [(b"abc-123", b"abc-123"), (b"a b", b""), (b"x" * 129, b""), (b"\xe4", b""), (b"", b"")],
)
def test_a_request_id_that_a_log_can_take_is_kept(given_id: bytes, kept: bytes) -> None:
    reader = read(HEAD + b"X-Request-Id: " + given_id + b"\r\n\r\n")
    assert reader.head is not None
    assert reader.head.id == kept
