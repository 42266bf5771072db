"""Where does a body end, and which of its bytes may go on now? Bytes in, bytes out.

    Length       counts down
    Chunked      passes whole chunks unchanged; finds the end without touching their contents
    UntilClose   has no end of its own, so each piece goes on as a chunk

Only whole chunks of a chunked body pass, so that after any of them the gateway can add an event of
its own and close the body properly. An incomplete chunk is held back, up to a bound; a larger one
passes in pieces, each as a chunk of its own. Trailers and chunk extensions do not pass.
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
"""Bytes, framing included, that the chunk of one streamed token does not reach."""


def _size_lines() -> list[bytes]:
    """Returns, for each length of a whole small chunk, framing included, its first line."""
    lines = [b"\n"] * _SMALL  # No chunk begins with this: it marks lengths that do not occur.
    for payload in range(1, _SMALL):
        line = b"%x\r\n" % payload
        if len(line) + payload + len(_CRLF) < _SMALL:
            lines[len(line) + payload + len(_CRLF)] = line
    return lines


_SIZE_LINES = _size_lines()


class Garbage(LLMStackError):
    """The bytes are not HTTP/1.1."""


class Framing(Protocol):
    """Follows a body. `done` is True after its end; `rest` is what came after that."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Returns the bytes that may go on now. Raises Garbage."""
        ...

    def closed(self) -> bytes | None:
        """Handles the sender's close. Returns the body's last bytes, or None if it was cut off."""
        ...

    def ending(self, payload: bytes) -> bytes | None:
        """Returns bytes that end a cut-off body with this payload, or None if it cannot end."""
        ...

    def payload(self, passed: bytes) -> bytes:
        """Returns the payload in bytes that `feed` returned."""
        ...

    def tail(self, passed: bytes, size: int) -> bytes:
        """Reduces bytes that `feed` returned to the last `size` bytes of their payload."""
        ...


class Length:
    """A body whose length is known."""

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
    """A body that ends when its connection closes."""

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
    """A chunked body. `feed` always returns a sequence of whole chunks."""

    __slots__ = ("_held", "_hold", "_left", "_missing", "_trailers", "done", "rest")

    def __init__(self, hold: int = _HOLD) -> None:
        self.done = False
        self.rest = b""
        self._hold = hold
        self._held = bytearray()
        self._missing = 0  # length at which `_held` is a whole chunk; 0 while unknown
        self._left = 0  # bytes left of a chunk that passes in pieces: payload and CRLF
        self._trailers = -1  # bytes of trailers so far; -1 before the last chunk

    def feed(self, data: bytes) -> bytes:
        size = len(data)
        # Most pieces of a stream are one small, whole chunk.
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
        """Keeps the beginning of a size line for later. Raises Garbage if it is not one."""
        if not _PART_OF_SIZE.fullmatch(rest):
            raise Garbage("a chunk has an invalid size")
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
        """Returns what goes on of a large chunk, and the bytes that follow that chunk."""
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
        """Reads and drops trailers, which belong to this connection, up to the empty line."""
        at = 0
        while (end := data.find(_CRLF, at)) >= 0:
            line, at = data[at:end], end + 2
            if not line:
                self.done, self.rest = True, data[at:]
                return LAST
            if not _TRAILER.fullmatch(line):
                raise Garbage("a trailer is not a header")
            self._trailers += len(line)
        self._held += data[at:]
        self._missing = 0
        if self._trailers + len(self._held) > _MOST_TRAILERS:
            raise Garbage("there are too many trailers")
        return b""


def chunk(payload: bytes) -> bytes:
    """Returns the payload as one chunk. It must not be empty: that would end the body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def unchunk(chunks: bytes) -> bytes:
    """Returns the payload of a sequence of whole chunks."""
    parts = []
    at = 0
    while (size := _SIZE.match(chunks, at)) is not None:
        stop = size.end() + int(size[1], 16)
        parts.append(chunks[size.end() : stop])
        at = stop + 2
    return b"".join(parts)
