"""Where does a body end, and which of its bytes may go on now? Bytes in, bytes out.

    Length       counts down
    Chunked      whole chunks pass raw; the end is seen without touching what is in them
    UntilClose   has no end of its own: each piece goes on as a chunk

Of a chunked body only whole chunks pass, so that after any of them an event of ours can be added
and the body closed properly. A chunk is held back until it is whole, up to a bound; a larger one
passes in pieces, each made a chunk of its own. Trailers and extensions of chunks do not pass.
"""

import re
from typing import Protocol

from llmstack.errors import LLMStackError

LAST = b"0\r\n\r\n"
_CRLF = b"\r\n"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_PART_OF_SIZE = re.compile(rb"[0-9A-Fa-f]{0,8}|[0-9A-Fa-f]{1,8}\r")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_HOLD = 64 * 1024
_MOST_TRAILERS = 8 * 1024
_SMALL = 1024
"""Bytes of a chunk, with its framing, that a token of a stream does not reach."""


def _size_lines() -> list[bytes]:
    """For each length of a whole small chunk, framing included: the line it then begins with."""
    lines = [b"\n"] * _SMALL  # Begins no chunk: there is none of that length.
    for payload in range(1, _SMALL):
        line = b"%x\r\n" % payload
        if len(line) + payload + len(_CRLF) < _SMALL:
            lines[len(line) + payload + len(_CRLF)] = line
    return lines


_SIZE_LINES = _size_lines()


class Garbage(LLMStackError):
    """What came is no HTTP/1.1."""


class Framing(Protocol):
    """A body on its way. `rest`: what came after its end."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Which bytes go on now? Raises Garbage."""
        ...

    def closed(self) -> bytes | None:
        """The sender closed: what ends the body? None: it was cut off."""
        ...

    def ending(self, payload: bytes) -> bytes | None:
        """How does a body that was cut off end with this payload? None: it cannot."""
        ...

    def payload(self, passed: bytes) -> bytes:
        """What is in bytes that `feed` gave?"""
        ...

    def tail(self, passed: bytes, size: int) -> bytes:
        """As if `feed` had given but the end: so many bytes of its payload."""
        ...


class Length:
    """A body of so many bytes."""

    __slots__ = ("done", "left", "rest")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        left = self.left - len(data)
        if left > 0:
            self.left = left
            return data
        if left < 0:
            data, self.rest = data[: self.left], data[self.left :]
        self.left, self.done = 0, True
        return data

    def closed(self) -> bytes | None:
        return None

    def ending(self, payload: bytes) -> bytes | None:
        return None

    def payload(self, passed: bytes) -> bytes:
        return passed

    def tail(self, passed: bytes, size: int) -> bytes:
        return passed[-size:]


class UntilClose:
    """A body that ends with its connection."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        return chunk(data)

    def closed(self) -> bytes | None:
        self.done = True
        return LAST

    def ending(self, payload: bytes) -> bytes | None:
        return chunk(payload) + LAST

    def payload(self, passed: bytes) -> bytes:
        return unchunk(passed)

    def tail(self, passed: bytes, size: int) -> bytes:
        return chunk(unchunk(passed)[-size:])


class Chunked:
    """A chunked body. What `feed` gives is always a row of whole chunks."""

    __slots__ = ("_held", "_hold", "_left", "_missing", "_trailers", "done", "rest")

    def __init__(self, hold: int = _HOLD) -> None:
        self.done = False
        self.rest = b""
        self._hold = hold
        self._held = bytearray()
        self._missing = 0  # length at which what is held is a whole chunk; 0: not known
        self._left = 0  # of a chunk that passes in pieces: payload and CRLF still to come
        self._trailers = -1  # bytes of trailers so far; -1 before them

    def feed(self, data: bytes) -> bytes:
        size = len(data)
        # Most of what comes of a stream: one small chunk, whole.
        if (
            size < _SMALL
            and data.startswith(_SIZE_LINES[size])
            and data.endswith(_CRLF)
            and not self._held
            and not self._left
            and self._trailers < 0
        ):
            return data
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        if self._held:
            self._held += data
            if len(self._held) < self._missing:
                return b""
            data = bytes(self._held)
            self._held.clear()
        passed = b""
        if self._left:
            passed, data = self._piece(data)
        elif self._trailers >= 0:
            return self._end(data)
        at, end = 0, len(data)
        while at < end:
            size = _SIZE.match(data, at)
            if size is None:
                self._hold_size(data[at:])
                return passed + data[:at]
            length, start = int(size[1], 16), size.end()
            if not length:
                self._trailers = 0
                return passed + data[:at] + self._end(data[start:])
            stop = start + length + 2
            if stop > end:
                return passed + data[:at] + self._incomplete(data, at, start, stop)
            if not data.startswith(_CRLF, stop - 2):
                raise Garbage("a chunk is longer than its size says")
            at = stop
        return passed + data

    def closed(self) -> bytes | None:
        return None

    def ending(self, payload: bytes) -> bytes | None:
        return chunk(payload) + LAST

    def payload(self, passed: bytes) -> bytes:
        return unchunk(passed)

    def tail(self, passed: bytes, size: int) -> bytes:
        return chunk(unchunk(passed)[-size:])

    def _hold_size(self, rest: bytes) -> None:
        """No size is there, but its beginning may be."""
        if not _PART_OF_SIZE.fullmatch(rest):
            raise Garbage("a chunk has no plain size")
        self._held += rest
        self._missing = 0

    def _incomplete(self, data: bytes, at: int, start: int, stop: int) -> bytes:
        if stop - at <= self._hold:
            self._held += data[at:]
            self._missing = stop - at
            return b""
        self._left = stop - start
        return self._piece(data[start:])[0]

    def _piece(self, data: bytes) -> tuple[bytes, bytes]:
        """What of a large chunk goes on, and what comes after that chunk."""
        payload = data[: max(0, self._left - 2)]
        self._left -= len(payload)
        rest = data[len(payload) :]
        if rest:
            crlf, rest = rest[: self._left], rest[self._left :]
            if not _CRLF[2 - self._left :].startswith(crlf):
                raise Garbage("a chunk is longer than its size says")
            self._left -= len(crlf)
        return chunk(payload) if payload else b"", rest

    def _end(self, data: bytes) -> bytes:
        """Reads trailers, which describe this connection's framing, up to the empty line."""
        at = 0
        while (end := data.find(_CRLF, at)) >= 0:
            line, at = data[at:end], end + 2
            if not line:
                self.done, self.rest = True, data[at:]
                return LAST
            if not _TRAILER.fullmatch(line):
                raise Garbage("a trailer is no header")
            self._trailers += len(line)
        self._held += data[at:]
        self._missing = 0
        if self._trailers + len(self._held) > _MOST_TRAILERS:
            raise Garbage("there are too many trailers")
        return b""


def chunk(payload: bytes) -> bytes:
    """The payload as one chunk. Not for an empty one: that would end the body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def unchunk(chunks: bytes) -> bytes:
    """What is in a row of whole chunks?"""
    parts = []
    at = 0
    while (size := _SIZE.match(chunks, at)) is not None:
        stop = size.end() + int(size[1], 16)
        parts.append(chunks[size.end() : stop])
        at = stop + 2
    return b"".join(parts)
