"""Does a body end where it should, and arrive as it was sent, however it was cut into pieces?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.http.framing import (
    LAST,
    Chunked,
    Framing,
    Garbage,
    Length,
    UntilClose,
    chunk,
    unchunk,
)

BODIES = st.lists(st.binary(min_size=1, max_size=60), max_size=12)
ENDS = st.sampled_from(
    [b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\nA: b\r\nC:\r\n\r\n"]
)
NEXT = st.sampled_from([b"", b"H", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n"])


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes, in pieces as a network makes them."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12))
    places = [0, *sorted(cuts), len(data)]
    return [piece for start, end in pairwise(places) if (piece := data[start:end])]


def fed(framing: Framing, pieces: list[bytes]) -> list[bytes]:
    """What passes, until the end; the pieces after it are left out, as a relay does."""
    passed = []
    for piece in pieces:
        if framing.done:
            break
        passed.append(framing.feed(piece))
    return passed


@given(bodies=BODIES, end=ENDS, hold=st.sampled_from([0, 1, 8, 30, 65536]), data=st.data())
def test_a_chunked_body_arrives_as_it_was_sent(
    bodies: list[bytes], end: bytes, hold: int, data: st.DataObject
) -> None:
    sent = b"".join(map(chunk, bodies)) + end
    framing = Chunked(hold)
    passed = fed(framing, data.draw(cut(sent)))
    assert framing.done
    assert framing.rest == b""
    assert unchunk(b"".join(passed)) == b"".join(bodies)
    assert b"".join(passed).endswith(LAST)


@given(bodies=BODIES, hold=st.sampled_from([0, 8, 65536]), data=st.data())
def test_what_has_passed_is_always_a_row_of_whole_chunks(
    bodies: list[bytes], hold: int, data: st.DataObject
) -> None:
    sent = b"".join(map(chunk, bodies))
    sent = sent[: data.draw(st.integers(0, len(sent)))]
    framing = Chunked(hold)
    for piece in fed(framing, data.draw(cut(sent))):
        assert b"".join(chunk(part) for part in parts(piece)) == piece
    assert not framing.done
    assert framing.closed() is None


@given(bodies=BODIES, data=st.data())
def test_chunks_of_an_event_stream_pass_raw(bodies: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(map(chunk, bodies)) + LAST
    assert b"".join(fed(Chunked(), data.draw(cut(sent)))) == sent


@given(bodies=BODIES, after=NEXT)
def test_what_comes_after_the_end_is_not_passed(bodies: list[bytes], after: bytes) -> None:
    sent = b"".join(map(chunk, bodies)) + LAST
    framing = Chunked()
    assert framing.feed(sent + after) == sent
    assert framing.rest == after


@given(body=st.binary(min_size=1, max_size=200), after=NEXT, data=st.data())
def test_a_body_with_a_length(body: bytes, after: bytes, data: st.DataObject) -> None:
    framing = Length(len(body))
    passed = fed(framing, data.draw(cut(body + after)))
    assert framing.done
    assert b"".join(passed) == body
    assert after.startswith(framing.rest)


@given(bodies=BODIES)
def test_a_body_without_an_end_becomes_chunks(bodies: list[bytes]) -> None:
    framing = UntilClose()
    passed = b"".join(map(framing.feed, bodies))
    assert not framing.done
    assert passed + (framing.closed() or b"") == b"".join(map(chunk, bodies)) + LAST


@given(bodies=BODIES, size=st.integers(1, 100))
def test_the_tail_ends_as_all_ends(bodies: list[bytes], size: int) -> None:
    whole = b"".join(bodies)
    if whole:
        assert unchunk(Chunked().tail(b"".join(map(chunk, bodies)), size)) == whole[-size:]
        assert Length(9).tail(whole, size) == whole[-size:]


@pytest.mark.parametrize(
    "sent",
    [
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1_0\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"1;name=value\r\na\r\n",
        b"1\na\n",
        b"1\r\nab\r\n",
        b"1\r\na\n\n",
        b"1\r\na\r\r",
        b"123456789\r\n",
        b"\r\n",
        b"ffffffffffffffff\r\n",
        b"0\r\nno header\r\n\r\n",
        b"0\r\nX: a\x00b\r\n\r\n",
        b"0\r\nX: a\nY: b\r\n\r\n",
        b"0\r\n" + b"X: y\r\n" * 3000,
        b"0\r\nX: " + b"y" * 9000,
    ],
)
@pytest.mark.parametrize("hold", [0, 65536])
@pytest.mark.parametrize("by", [1, 1 << 20])
def test_what_is_no_chunk(sent: bytes, hold: int, by: int) -> None:
    framing = Chunked(hold)
    with pytest.raises(Garbage):
        fed(framing, [sent[start : start + by] for start in range(0, len(sent), by)])


def test_a_large_chunk_is_not_held() -> None:
    framing = Chunked(hold=100)
    assert framing.feed(b"65\r\n" + b"a" * 50) == chunk(b"a" * 50)
    assert framing.feed(b"a" * 51) == chunk(b"a" * 51)
    assert framing.feed(b"\r") == b""
    assert framing.feed(b"\n0\r\n\r\n") == LAST
    assert framing.done


@pytest.mark.parametrize("framing", [Chunked(), UntilClose()])
def test_an_event_can_end_a_stream_that_was_cut_off(framing: Framing) -> None:
    assert framing.ending(b"event") == b"5\r\nevent\r\n0\r\n\r\n"


def test_a_plain_body_that_was_cut_off_cannot_be_ended() -> None:
    assert Length(5).ending(b"event") is None
    assert Length(5).closed() is None


def parts(chunks: bytes) -> list[bytes]:
    """The payload of each chunk, with an independent reading of the format."""
    found = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        found.append(rest[:length])
        chunks = rest[length + 2 :]
    return found
