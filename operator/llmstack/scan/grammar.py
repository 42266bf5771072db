"""How do JSON's tokens look? As patterns over text whose quotes all begin or end a string.

Two sets: LENIENT for text without control characters, where a string is all up to the next quote,
which is the fastest thing to look for; STRICT for text that has some, which no string may hold.
"""

import re
from typing import NamedTuple

from llmstack.scan.outline import Kind

_S = rb"[ \t\n\r]*+"
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_PLAIN_NUMBER = rb"-?(?:0|[1-9][0-9]{0,200}+)(?:\.[0-9]++)?"
"""A number that a double can hold, whatever its digits are."""
_WORD = rb"true|false|null"
_PARTIAL_NUMBER = rb"-?(?:0|[1-9][0-9]*+)?(?:(?<=[0-9])\.[0-9]*+)?(?:(?<=[0-9])[eE][+-]?[0-9]*+)?"

KINDS = {
    **dict.fromkeys(b"-0123456789", Kind.NUMBER),
    ord('"'): Kind.STRING,
    ord("{"): Kind.OBJECT,
    ord("["): Kind.ARRAY,
    ord("t"): Kind.BOOLEAN,
    ord("f"): Kind.BOOLEAN,
    ord("n"): Kind.NULL,
}
"""By a value's first byte."""


class Patterns(NamedTuple):
    """Each matches where its token may begin.

    member    name (1), scalar (2) or a number that may be too large (3), and what ends the member;
              or name (1) and a bracket that opens
    elements  scalars and empty containers, each with its comma (1); then a scalar (2) or a number
              that may be too large (3), and what ends the element; or a bracket that opens
    several   the first part of `elements`
    key       name (1), up to the colon and the value
    value     scalar (1) or a number that may be too large (2); or a bracket that opens
    after     what ends an element or member
    space     what may stand before any token
    text      what may be in a string
    partial_key, partial_value: as far as it is the beginning of one
    """

    member: re.Pattern[bytes]
    elements: re.Pattern[bytes]
    several: re.Pattern[bytes]
    key: re.Pattern[bytes]
    value: re.Pattern[bytes]
    after: re.Pattern[bytes]
    space: re.Pattern[bytes]
    text: re.Pattern[bytes]
    partial_key: re.Pattern[bytes]
    partial_value: re.Pattern[bytes]


def _patterns(text: bytes) -> Patterns:
    string = b'"%b*+"' % text
    ends = rb"(?=[ \t\n\r,}\]])"
    plain = b"%b|%b%b|%b" % (string, _PLAIN_NUMBER, ends, _WORD)
    parts = {
        b"S": _S,
        b"name": b'"(%b*+)"' % text,
        b"text": text,
        b"plain": plain,
        b"number": _NUMBER + ends,
        b"several": rb"(?:%b(?:%b|\[%b\]|\{%b\})%b,)*+" % (_S, plain, _S, _S, _S),
        b"partial_number": _PARTIAL_NUMBER,
        b"partial_word": b"|".join(_beginnings(word) for word in _WORD.split(b"|")),
    }

    def compiled(pattern: bytes) -> re.Pattern[bytes]:
        return re.compile(pattern % parts)

    return Patterns(
        member=compiled(
            rb"%(S)b%(name)b%(S)b:%(S)b(?:(?:(%(plain)b)|(%(number)b))%(S)b[,}]|[\[{])"
        ),
        elements=compiled(rb"(%(several)b)%(S)b(?:(?:(%(plain)b)|(%(number)b))%(S)b[,\]]|[\[{])"),
        several=compiled(rb"%(several)b"),
        key=compiled(rb"%(S)b%(name)b%(S)b:%(S)b"),
        value=compiled(rb"%(S)b(?:(?:(%(plain)b)|(%(number)b))|[\[{])"),
        after=compiled(rb"%(S)b[,}\]]"),
        space=compiled(rb"%(S)b"),
        text=compiled(rb"%(text)b*+"),
        partial_key=compiled(rb'%(S)b(?:"%(text)b*+(?:"%(S)b)?)?'),
        partial_value=compiled(rb'%(S)b(?:"%(text)b*+|%(partial_word)b|%(partial_number)b)'),
    )


def _beginnings(word: bytes) -> bytes:
    """Matches as much of the word as is there, one letter at least."""
    pattern = b""
    for letter in reversed(word[1:]):
        pattern = b"(?:%c%b)?" % (letter, pattern)
    return word[:1] + pattern


LENIENT = _patterns(rb'[^"]')
STRICT = _patterns(rb'[^"\x00-\x1f]')
