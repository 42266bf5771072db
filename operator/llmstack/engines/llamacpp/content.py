"""What are the bytes of a picture or sound, without holding a second copy of them?

Plain(body, start, end)     as they are
Base64(body, start, end)    decoded where they are read, up to the first byte that is no base64,
                            where llama-server stops as well
"""

import binascii
import re
from typing import Protocol

WINDOW = 48 * 1024
"""Bytes that are read at once: a fraction of a millisecond."""
_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*+")


class Content(Protocol):
    """Bytes that can be read from any place."""

    def read(self, start: int, count: int) -> bytes:
        """So many bytes from there, fewer at the end."""
        ...


class Plain:
    """Bytes as they are: `body[start:end]`."""

    def __init__(self, body: bytes | bytearray, start: int, end: int) -> None:
        self._body, self._start, self._end = body, start, end

    def read(self, start: int, count: int) -> bytes:
        begin = min(self._start + start, self._end)
        return bytes(self._body[begin : min(begin + count, self._end)])


class Base64:
    """Bytes that are written as base64: `body[start:end]`, without escapes."""

    def __init__(self, body: bytes | bytearray, start: int, end: int) -> None:
        self._body, self._start, self._end = body, start, end

    def read(self, start: int, count: int) -> bytes:
        skipped = start % 3
        begin = min(self._start + start // 3 * 4, self._end)
        text = bytes(self._body[begin : min(begin + (skipped + count + 2) // 3 * 4, self._end)])
        found = _ALPHABET.match(text)
        good = found[0] if found is not None else b""
        if len(good) < len(text):
            self._end = begin + len(good)
        # What is left of a last group makes fewer than three bytes, a single letter none.
        rest = len(good) % 4
        padded = good[:-1] if rest == 1 else good + b"=" * (-rest % 4)
        return binascii.a2b_base64(padded)[skipped : skipped + count]
