"""What is in a form, whatever pieces it comes in, and what is refused?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.scan.form import MOST_HEAD, MOST_TEXT, Form, FormScanner, NotForm, boundary_of

B = b"xYz-1"
NAMED = b'Content-Disposition: form-data; name="%b"'


def part(name: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"--%b\r\n%b%b\r\n\r\n%b\r\n" % (B, NAMED % name, more, content)


FILE_HEAD = b'; filename="a.wav"\r\nContent-Type: audio/wav'
END = b"--%b--\r\n" % B


def read(body: bytes, piece: int = 1 << 30) -> Form:
    scanner, data = FormScanner(B), bytearray()
    for start in range(0, len(body), piece):
        data += body[start : start + piece]
        while scanner.look(data):
            pass
    return scanner.form()


def found(body: bytes, piece: int = 1 << 30) -> tuple[dict[str, str], bytes | None]:
    form = read(body, piece)
    return dict(form.fields), body[slice(*form.file)] if form.file else None


@given(
    st.lists(st.tuples(st.sampled_from(["model", "prompt", "x.y-z_1"]), st.text(max_size=50)),
             unique_by=lambda pair: pair[0]),
    st.binary(max_size=200),
    st.integers(1, 40),
    st.booleans(),
)  # fmt: skip
def test_a_form_is_what_was_written(
    fields: list[tuple[str, str]], content: bytes, piece: int, first: bool
) -> None:
    parts = [part(name.encode(), text.encode()) for name, text in fields]
    parts.insert(0 if first else len(parts), part(b"file", content, FILE_HEAD))

    assert found(b"".join(parts) + END, piece) == (dict(fields), content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"--",
        b"\r\n--",
        b"\r\n--xYz",
        b"--xYz-1",
        b"\r\n--xYz-\r\n",
        b"\r",
        b"\n--xYz-1",
    ],
)
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_content_that_looks_like_a_boundary_is_content(content: bytes, piece: int) -> None:
    body = part(b"file", content, FILE_HEAD) + part(b"model", b"m") + END

    assert found(body, piece) == ({"model": "m"}, content)


def test_a_name_in_brackets_may_come_again() -> None:
    body = part(b"include[]", b"a") + part(b"include[]", b"b") + END

    assert read(body).fields == (("include[]", "a"), ("include[]", "b"))


REFUSED = [
    ("no boundary", b"{}" * 20, "does not begin"),
    ("text before the first boundary", b"x\r\n" + part(b"a", b"") + END, "does not begin"),
    ("another boundary", part(b"a", b"").replace(B, b"other") + END, "does not begin"),
    ("no end", part(b"a", b"b"), "ends before"),
    ("nothing", b"", "ends before"),
    ("text after the end", part(b"a", b"") + END + b"x", "follows the last"),
    ("a boundary that goes on", b"--%bz\r\n" % B + NAMED % b"a", "neither a part"),
    ("a field twice", part(b"a", b"1") + part(b"a", b"2") + END, "'a' twice"),
    ("two files", part(b"file", b"", FILE_HEAD) * 2 + END, "'file' twice"),
    ("a file in another field", part(b"model", b"", FILE_HEAD) + END, "may be in 'file'"),
    ("no name", b"--%b\r\nContent-Type: a/b\r\n\r\n\r\n" % B + END, "needs 'Content-Disp"),
    ("a name that is escaped", part(rb"a\"b", b"") + END, "needs 'Content-Disp"),
    ("a name with a line break", part(b"a\r\nb", b"") + END, "malformed"),
    ("two names", part(b'a"; name="n_cache_reuse', b"") + END, "needs 'Content-Disp"),
    ("two dispositions", part(b"a", b"", b"\r\n" + NAMED % b"b") + END, "there twice"),
    ("a folded header", part(b"a", b"", b'\r\n name="b"') + END, "malformed"),
    ("a header without a colon", part(b"a", b"", b"\r\nx") + END, "malformed"),
    ("base64", part(b"a", b"", b"\r\nContent-Transfer-Encoding: base64") + END, "as they are"),
    ("no UTF-8", part(b"a", b"x\xff") + END, "not UTF-8 at its byte 1"),
    ("half a surrogate pair", part(b"a", b"\xed\xa0\x80") + END, "not UTF-8"),
    ("a long field", part(b"a", b"x" * (MOST_TEXT + 1)) + END, "exceeds"),
    ("a field without end", part(b"a", b"x" * (2 * MOST_TEXT)), "exceeds"),
    ("long headers", part(b"a", b"", b"\r\nX: " + b"x" * MOST_HEAD) + END, "headers of a part"),
    ("many fields", b"".join(part(b"a%d" % n, b"") for n in range(70)) + END, "at most 64"),
]  # fmt: skip


@pytest.mark.parametrize("piece", [7, 1 << 30])
@pytest.mark.parametrize(("what", "body", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_can_be_read_in_two_ways_is_refused(
    what: str, body: bytes, words: str, piece: int
) -> None:
    with pytest.raises(NotForm, match=words):
        read(body, piece)


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; boundary="abc"', b"abc"),
        ("Multipart/Form-Data;Boundary=----WebKitFormBoundary7MA4", b"----WebKitFormBoundary7MA4"),
        ("multipart/form-data; boundary=" + "a" * 70, b"a" * 70),
        ("multipart/form-data; boundary=" + "a" * 71, None),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary="a\\"b"', None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/mixed; boundary=abc", None),
        ("application/json", None),
        ("", None),
    ],
)
def test_a_form_names_its_boundary(header: str, boundary: bytes | None) -> None:
    assert boundary_of(header) == boundary


def test_a_piece_takes_no_longer_the_more_has_come() -> None:
    """Each byte is searched about once, in whatever pieces a file comes."""
    scanner, data, searched = FormScanner(B), bytearray(part(b"file", b"", FILE_HEAD)[:-2]), []
    for _ in range(100):
        data += b"\r\n--xYz" * 1000
        while scanner.look(data):
            pass
        searched.append(len(data) - scanner._searched)
    assert max(searched) < 100
