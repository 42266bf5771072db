"""What is known of a body while it comes, and after."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.media import WATCHED
from llmstack.gateway.http.body import Body
from llmstack.scan.faults import NotJSON
from llmstack.scan.scanner import PIECE
from llmstack.scan.sight import SMALL, outline_of

LONG = b'{"model":"m","messages":["%b"],"n":2}' % (b"a" * SMALL)


def looked(body: Body) -> int:
    """Looks at all that can be looked at; gives the number of pieces."""
    count = 0
    while body.look():
        count += 1
    return count


@given(st.lists(st.integers(0, len(LONG)), max_size=8))
def test_in_any_pieces_it_is_whole_and_understood(places: list[int]) -> None:
    edges = [0, *sorted(places), len(LONG)]
    body = Body()
    for start, end in pairwise(edges):
        body.add(LONG[start:end])
        looked(body)
        assert body.outline is None
    body.whole = True
    looked(body)
    assert body.data == LONG
    assert body.outline == outline_of(LONG, WATCHED)


def test_one_look_reads_one_piece() -> None:
    body = Body()
    body.add(LONG)
    assert body.behind
    assert looked(body) == SMALL // PIECE
    assert not body.behind


def test_a_small_body_is_not_looked_at_before_its_end() -> None:
    body = Body()
    for byte in b'{"n": 1':
        body.add(bytes([byte]))
        assert not body.behind
        assert not body.look()
    body.add(b"}")
    body.whole = True
    assert body.behind
    assert not body.look()
    assert body.outline is not None


def test_a_large_body_is_refused_before_its_end() -> None:
    body = Body()
    body.add(b"[" + LONG)
    with pytest.raises(NotJSON):
        looked(body)


@pytest.mark.parametrize("text", [b'{"n":1}', LONG], ids=["small", "large"])
@pytest.mark.parametrize("first", [1, 3, 100, SMALL * 2])
def test_a_byte_order_mark_does_not_stay(text: bytes, first: int) -> None:
    sent = b"\xef\xbb\xbf" + text
    body = Body()
    for part in (sent[:first], sent[first:]):
        body.add(part)
        looked(body)
    body.whole = True
    looked(body)
    assert body.data == text
    assert body.outline is not None
    assert body.outline.members["n"].end == len(text) - 1
