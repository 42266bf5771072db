"""Is a piece of JSON sound as text, and where do its strings end?

In a piece that is sound, `quotes` is the same text with the same offsets, but for the escapes of
quotes and backslashes, which are blotted out: every quote that is left begins or ends a string.
"""

import codecs
import re
from typing import NamedTuple

from llmstack.scan.faults import malformed

_CONTROLS = bytes(range(0x20))
_HEX = rb"[0-9a-fA-F]"
_HIGH = rb"[dD][89abAB]%b{2}" % _HEX
_LOW = rb"[dD][c-fC-F]%b{2}" % _HEX
_ESCAPED = (
    rb'(?:["\\/bfnrt]|u(?![dD][89a-fA-F])%(hex)b{4}|u%(high)b(?=\\u%(low)b)'
    rb"|(?<=\\u%(high)b\\)u%(low)b)" % {b"hex": _HEX, b"high": _HIGH, b"low": _LOW}
)
"""What may follow a backslash. Halves of a surrogate pair only together."""
_BAD_ESCAPE = re.compile(rb"\\(?!%b)" % _ESCAPED)
_WHOLE = re.compile(rb"(?:[^\\]|\\%b)*+" % _ESCAPED, re.DOTALL)
_LONGEST_ESCAPE = len(r"\ud83d\ude00")
_BLOT = b"__"
"""Means nothing outside a string, so an escape there is found as any other letter."""


class Text(NamedTuple):
    """A sound piece. `controls`: it holds control characters, which may stand between tokens."""

    raw: bytes
    quotes: bytes
    controls: bool


def sound(piece: bytes, base: int, final: bool) -> Text:
    """The piece as text, without a character or escape at its end that goes on in the next piece.

    It begins between characters and escapes; its first byte is byte `base` of the body. Raises
    NotJSON.
    """
    if not piece.isascii():
        piece = piece[: _whole_characters(piece, base, final)]
    quotes = piece
    if b"\\" in piece:
        if not final:
            piece = piece[: _whole_escapes(piece)]
        quotes = piece.replace(b"\\\\", _BLOT)
        bad = _BAD_ESCAPE.search(quotes)
        if bad is not None:
            raise malformed("an escape that stands for no character", base + bad.start())
        quotes = quotes.replace(b'\\"', _BLOT)
    return Text(piece, quotes, len(piece.translate(None, _CONTROLS)) != len(piece))


def _whole_characters(piece: bytes, base: int, final: bool) -> int:
    try:
        return codecs.utf_8_decode(piece, "strict", final)[1]
    except UnicodeDecodeError as error:
        raise malformed("bytes that are no UTF-8", base + error.start) from error


def _whole_escapes(piece: bytes) -> int:
    """Where the last escape ends that is whole."""
    near = max(0, len(piece) - _LONGEST_ESCAPE)
    first = piece.find(b"\\", near)
    if first < 0:
        return len(piece)
    # A row of backslashes is read from its beginning: each second one is escaped.
    begin = len(piece[:first].rstrip(b"\\"))
    whole = _WHOLE.match(piece, begin)
    assert whole is not None
    end = whole.end()
    # What is no beginning of an escape stays, to be refused where it stands.
    return end if len(piece) - end < _LONGEST_ESCAPE else len(piece)
