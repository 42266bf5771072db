"""The scanner agrees with the standard library, however a body is cut into pieces."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmstack.scan.faults import NotJSON
from llmstack.scan.limits import ScanLimits
from llmstack.scan.outline import Kind, Outline, Span
from llmstack.scan.scanner import PIECE, Scanner
from tests.unit.scan.documents import WATCHED, Refused, cut, documents, mutated, reference

CUTS = st.lists(st.integers(0, 400), max_size=6)


def scan(
    *pieces: bytes, watched: frozenset[str] = frozenset(), limits: ScanLimits | None = None
) -> Outline:
    scanner = Scanner(watched, limits or ScanLimits())
    for piece in pieces:
        scanner.feed(piece)
    return scanner.finish()


@given(documents(), CUTS)
def test_finds_the_members_that_the_standard_library_finds(body: bytes, places: list[int]) -> None:
    assert scan(*cut(body, places), watched=WATCHED) == reference(body, WATCHED)


@given(documents())
def test_finds_them_when_each_byte_comes_alone(body: bytes) -> None:
    pieces = [body[at : at + 1] for at in range(len(body))]
    assert scan(*pieces, watched=WATCHED) == reference(body, WATCHED)


@given(mutated(), CUTS)
@example(b'{"a": 1, "a": 2}', [])
@example(b'{"a": 1, "\\u0061": 2}', [12])
@example(b'{"a": {"b": [], "c": [{"b": 1, "b": 1}]}}', [])
def test_refuses_what_the_standard_library_refuses(body: bytes, places: list[int]) -> None:
    try:
        expected = reference(body, WATCHED)
    except Refused:
        with pytest.raises(NotJSON) as refused:
            scan(*cut(body, places), watched=WATCHED)
        assert 0 <= refused.value.offset <= len(body)
    else:
        assert scan(*cut(body, places), watched=WATCHED) == expected


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"", 0),
        (b"  ", 2),
        (b"[]", 0),
        (b"{", 1),
        (b'{"a"}', 4),
        (b'{"a" 1}', 5),
        (b'{"a":}', 5),
        (b'{"a":1,}', 7),
        (b'{"a":1]', 6),
        (b'{"a":[1}', 7),
        (b'{"a":[1,]}', 8),
        (b'{"a":[,1]}', 6),
        (b"{,}", 1),
        (b"{'a':1}", 1),
        (b'{"a":01}', 6),
        (b'{"a":1.}', 7),
        (b'{"a":.5}', 5),
        (b'{"a":+1}', 5),
        (b'{"a":-}', 6),
        (b'{"a":0x10}', 6),
        (b'{"a":1e400}', 5),
        (b'{"a":NaN}', 5),
        (b'{"a":-Infinity}', 6),
        (b'{"a":True}', 5),
        (b'{"a":tru}', 8),
        (b'{"a":nullx}', 9),
        (b'{"a":"x\ny"}', 7),
        (b'{"a":"x\x00y"}', 7),
        (b'{"a":"\\x41"}', 6),
        (b'{"a":"\\u12g4"}', 6),
        (b'{"a":"\\ud800"}', 6),
        (b'{"a":"\\ude00"}', 6),
        (b'{"a":"\\ud83d\\ud83d\\ude00"}', 6),
        (b'{"a":"caf\xe9"}', 9),
        (b'{"a":"\xc0\xaf"}', 6),
        (b'{"a":"\xed\xa0\x80"}', 6),
        (b'{"a":"\xf4\x90\x80\x80"}', 6),
        (b'{"a":1} x', 8),
        (b'{"a":1}{}', 7),
        (b'{"a":1}\x00', 7),
        (b'{"a":1, /* b */ "b":2}', 8),
        (b'{"a":"b', 7),
        (b'{"a":"\xf0\x9f', 6),
        (b'{"n":1,"n":2}', 7),
        (b'{"ab":1,"a\\u0062":2}', 8),
        (b'{"a":[{"b":1,"b":1}]}', 13),
        (b'{\\"a":1}', 1),
        (b'{"a":\\"b"}', 5),
        ('{"a":1}'.encode("utf-16"), 0),
        ('{"a":1}'.encode("utf-16-le"), 1),
        ('{"a":1}'.encode("utf-16-be"), 0),
        ('{"a":1}'.encode("utf-32"), 0),
        ('{"a":1}'.encode("utf-32-be"), 0),
        (b"\xef\xbb{}", 0),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", 3),
    ],
)
def test_says_where_a_body_ceases_to_be_json(body: bytes, offset: int) -> None:
    for pieces in ([body], [body[at : at + 1] for at in range(len(body))]):
        with pytest.raises(NotJSON) as refused:
            scan(*pieces)
        assert refused.value.offset == offset


def test_tells_kinds_counts_and_depths() -> None:
    body = b'{"s":"x","l":[1,"a",[[]]],"o":{"a":{},"b":2},"t":true,"z":null}'
    found = scan(body)
    assert [(s.name, s.kind, s.entries, s.depth, s.numbers) for s in found.members.values()] == [
        ("s", Kind.STRING, 0, 0, False),
        ("l", Kind.ARRAY, 3, 3, True),
        ("o", Kind.OBJECT, 2, 2, False),
        ("t", Kind.BOOLEAN, 0, 0, False),
        ("z", Kind.NULL, 0, 0, False),
    ]
    assert body[slice(*found.members["l"][3:5])] == b'[1,"a",[[]]]'


def test_tells_watched_members_below_the_outermost_in_their_order() -> None:
    body = b'{"tools":[{"p":{"pattern":{"pattern":"x"}}}],"pattern":1,"z":{"p\\u0061ttern":2}}'
    found = scan(body, watched=frozenset({"pattern"}))
    assert [(span.kind, span.key) for span in found.nested] == [
        (Kind.OBJECT, body.index(b'"pattern"')),
        (Kind.STRING, body.index(b'{"pattern":"x"') + 1),
        (Kind.NUMBER, body.index(b'"p\\u0061')),
    ]
    assert isinstance(found.members["pattern"], Span)


@pytest.mark.parametrize(
    ("limits", "body", "says"),
    [
        (ScanLimits(depth=3), b'{"a":[[1]]}', None),
        (ScanLimits(depth=3), b'{"a":[[[1]]]}', "nested too deeply"),
        (ScanLimits(values=5), b'{"a":[1,2,3,4]}', None),
        (ScanLimits(values=5), b'{"a":[1,2,3,4,5]}', "at most 5 values"),
        (ScanLimits(values=5), b'{"a":[[],[],{},"",""]}', "at most 5 values"),
        (ScanLimits(brackets=4), b'{"a":[1,[],{"b":1}]}', None),
        (ScanLimits(brackets=4), b'{"a":[1,[],{"b":1},[2]]}', "at most 4 arrays and objects"),
        (ScanLimits(brackets=4), b'{"a":[[],[],[],1]}', "at most 4 arrays and objects"),
        (ScanLimits(members=2), b'{"a":1,"b":2,"c":3}', "at most 2 fields"),
        (ScanLimits(nested=1), b'{"a":[{"n":1},{"n":1}]}', "at most 1 nested"),
        (ScanLimits(token=300), b'{"%b":1}' % (b"n" * 300), None),
        (ScanLimits(token=300), b'{"%b":1}' % (b"n" * 301), "name or number"),
        (ScanLimits(token=300), b'{"a":1%b}' % (b"0" * 299), None),
        (ScanLimits(token=300), b'{"a":0.%b}' % (b"0" * 20_000), "name or number"),
    ],
)
def test_bounds_the_structure(limits: ScanLimits, body: bytes, says: str | None) -> None:
    if says is None:
        scan(body, watched=frozenset({"n"}), limits=limits)
        return
    with pytest.raises(NotJSON, match=says):
        scan(body, watched=frozenset({"n"}), limits=limits)


def test_a_repeated_name_is_shown_but_not_all_of_a_long_one() -> None:
    with pytest.raises(NotJSON) as refused:
        scan(b'{"%(name)b":1,"%(name)b":1}' % {b"name": b"n" * 5000})
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    "entry",
    [b"[],", b"[1],", b'"a",', b"1,", b'{"a":1},', b'1,"a",[],', b'"\\n",', b"[[[{}]]],", b"\n1,"],
)
def test_a_piece_takes_no_more_steps_than_it_has_bytes(entry: bytes) -> None:
    """Whatever is in it: what blocks the loop is one piece, never a body."""
    scanner = Counting()
    scanner.feed(b'{"a":[')
    stream = entry * (20 * PIECE // len(entry))
    for start in range(0, len(stream), PIECE):
        before = scanner.steps
        scanner.feed(stream[start : start + PIECE])
        assert scanner.steps - before <= 2 * PIECE


class Counting(Scanner):
    """Counts its steps."""

    steps = 0

    def __setattr__(self, name: str, value: object) -> None:
        if name == "_step":
            self.steps += 1
        super().__setattr__(name, value)


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b'{"a":["', b"word \xf0\x9f\x98\x80 "),
        (b'{"a":["', b"\\n\\ud83d\\ude00"),
        (b'{"a":[', b'{"role":"user","n":[]},'),
        (b'{"a":[', b"1,"),
    ],
    ids=["a text", "escapes", "messages", "numbers"],
)
def test_a_long_body_takes_no_memory_but_its_own(begin: bytes, more: bytes) -> None:
    scanner = Scanner()
    piece = more * (64 * 1024 // len(more))
    tracemalloc.start()
    try:
        scanner.feed(begin)
        for _ in range(4):
            scanner.feed(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 128 * 1024
    assert scanner.held < 4096


def test_names_that_are_open_count_as_held() -> None:
    scanner = Scanner()
    tracemalloc.start()
    try:
        scanner.feed(b'{"a":{')
        scanner.feed(b"".join(b'"%d":1,' % n for n in range(20_000)))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken / 2 < scanner.held < taken * 4
