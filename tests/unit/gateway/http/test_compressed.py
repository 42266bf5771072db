"""What is in a body that comes compressed, and how little does a bomb get?"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.gateway.http.compressed import Compressed
from llmstack.gateway.http.head import Malformed

MOST = 1 << 20
BODY = json.dumps({"model": "smol", "prompt": "word " * 20_000}).encode()


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


def looked_at(body: Compressed) -> int:
    """The number of pieces that were looked at until all was."""
    count = 1
    while body.look():
        count += 1
    return count


def received(coding: str, sent: bytes, piece: int = 1000, most: int = MOST) -> Compressed:
    body = Compressed(coding, most)
    for start in range(0, len(sent), piece):
        body.add(sent[start : start + piece])
        if body.behind:
            looked_at(body)
    body.whole = True
    looked_at(body)
    return body


@pytest.mark.parametrize("plain", [b'{"a": 1}', BODY], ids=["small", "large"])
@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
    ],
    ids=["gzip", "x-gzip", "deflate", "deflate without zlib's head"],
)
def test_a_body_is_what_was_compressed(
    coding: str, packed: Callable[[bytes], bytes], piece: int, plain: bytes
) -> None:
    body = received(coding, packed(plain), piece)
    assert bytes(body.data) == plain
    assert body.outline is not None
    assert not body.behind


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400))
def test_gzip_may_come_in_parts(texts: list[bytes], piece: int) -> None:
    plain = json.dumps({"prompt": [text.hex() for text in texts]}).encode()
    third = len(plain) // 3
    sent = gzip.compress(plain[:third]) + gzip.compress(plain[third:])
    assert bytes(received("gzip", sent, piece).data) == plain


WRONG = [
    ("no gzip", "gzip", BODY),
    ("cut", "gzip", gzip.compress(BODY)[:-9]),
    ("a wrong sum", "gzip", gzip.compress(BODY)[:-8] + b"\0" * 8),
    ("something after it", "gzip", gzip.compress(b"{}") + b"more"),
    ("something after it", "deflate", zlib.compress(b'{"a": 1}') + b"more"),
]


@pytest.mark.parametrize(
    ("sentence", "coding", "sent"), WRONG, ids=[f"{row[1]}, {row[0]}" for row in WRONG]
)
def test_what_is_not_what_it_says_is_refused(sentence: str, coding: str, sent: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        received(coding, sent)
    assert refused.value.status == 400
    assert coding in refused.value.message


def test_a_bomb_is_refused_before_it_has_expanded() -> None:
    bomb = gzip.compress(b'{"prompt": "' + b"a" * (64 << 20) + b'"}')
    body = Compressed("gzip", MOST)
    body.add(bomb)
    body.whole = True
    before = 0
    with pytest.raises(Malformed) as refused:
        while body.look():
            assert len(body.data) - before <= 64 * 1024
            before = len(body.data)
    assert refused.value.status == 413
    assert len(body.data) <= MOST


def test_what_has_come_is_held_whether_it_was_inflated_or_not() -> None:
    body = Compressed("gzip", MOST)
    sent = gzip.compress(BODY)
    body.add(sent)
    assert (body.held, len(body.data)) == (len(sent), 0)
    body.whole = True
    looked_at(body)
    assert body.held >= len(BODY)
