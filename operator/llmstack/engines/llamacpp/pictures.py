"""How large is a picture once it is decoded? Told by its header, and by what its data expand to.

llama-server decodes with stb_image, which goes by content and takes more formats than anybody sends
to a model. Those that are read here are let through, the rest of them is refused:

    PNG, JPEG, GIF, BMP    width and height; of PNG how far its data expand, of JPEG its scans
    WebP                   is not decoded by our build, by others in a program of its own
    PSD, PIC, PNM, HDR, TGA    refused
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from llmstack.engines.llamacpp.content import WINDOW, Content
from llmstack.engines.llamacpp.unfit import Unfit

MOST_SCANS = 100
"""Of a JPEG. A progressive one has about ten; each goes over the whole picture."""
MOST_SEGMENTS = 10_000
"""Parts of a file that are looked at."""
_BYTES_A_PIXEL = 8
"""At most, of PNG: four channels of 16 bits."""
_DEFLATED = 1032
"""How far deflate expands its data, at most."""

_UNREAD = re.compile(rb"8BPS|\x53\x80\xf6\x34|P[56]|#\?RADIANCE\n|#\?RGBE\n")
_SIZED = frozenset({0xC0, 0xC1, 0xC2})
_SOS = b"\xff\xda"
_NEAR = 16
_TGA_KINDS = frozenset({1, 2, 3, 9, 10, 11})
_TGA_DEPTHS = frozenset({8, 15, 16, 24, 32})


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def picture_size(content: Content) -> Size | None:
    """The size of what stb_image would decode; None: it is no picture that is known.

    Raises Unfit: a format that is not taken, or data that cost more than their picture.
    """
    head = content.read(0, 64)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(content)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _of("<HH", head, 6)
    if head.startswith(b"BM"):
        return _bmp(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if _UNREAD.match(head) or _is_tga(head):
        raise Unfit("a picture may be PNG, JPEG, GIF, BMP or WebP")
    return None


def _of(form: str, head: bytes, at: int) -> Size:
    if len(head) < at + struct.calcsize(form):
        raise Unfit("a picture ends within its header")
    width, height = struct.unpack_from(form, head, at)
    return Size(abs(width), abs(height))


def _bmp(head: bytes) -> Size:
    return _of("<HH", head, 18) if head[14:18] == b"\x0c\0\0\0" else _of("<ii", head, 18)


def _webp(head: bytes) -> Size:
    kind = head[12:16]
    if kind == b"VP8 ":
        size = _of("<HH", head, 26)
        return Size(size.width & 0x3FFF, size.height & 0x3FFF)
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X" and len(head) >= 30:
        sides = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return Size(*sides)
    raise Unfit("a WebP picture ends within its header")


def _is_tga(head: bytes) -> bool:
    """As stb_image tells it: a TGA has no mark of its own."""
    if len(head) < 18 or head[1] > 1:
        return False
    width, height = struct.unpack_from("<HH", head, 12)
    kinds = {1, 9} if head[1] else _TGA_KINDS - {1, 9}
    return head[2] in kinds and bool(width and height) and head[16] in _TGA_DEPTHS


def _png(content: Content) -> Size:
    head = content.read(8, 25)
    if head[4:8] != b"IHDR":
        raise Unfit("a PNG picture does not begin with its size")
    size = _of(">II", head, 8)
    most = _BYTES_A_PIXEL * size.width * size.height + 8 * size.height + WINDOW
    pieces = list(_data_chunks(content))
    if sum(length for _, length in pieces) * _DEFLATED > most:
        _check_expansion(content, pieces, most)
    return size


def _data_chunks(content: Content) -> Iterator[tuple[int, int]]:
    """Where the data of a PNG are: start and length of each piece."""
    at = 8
    for _ in range(MOST_SEGMENTS):
        head = content.read(at, 8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"IDAT":
            yield at + 8, length
        at += 12 + length
    raise Unfit(f"a PNG picture may have at most {MOST_SEGMENTS} parts")


def _check_expansion(content: Content, pieces: list[tuple[int, int]], most: int) -> None:
    inflater, expanded = zlib.decompressobj(), 0
    try:
        for start, length in pieces:
            for at in range(start, start + length, WINDOW):
                piece = content.read(at, min(WINDOW, start + length - at))
                if not piece or inflater.eof:
                    return
                while piece:
                    expanded += len(inflater.decompress(piece, 16 * WINDOW))
                    if expanded > most:
                        raise Unfit("the data of a PNG picture expand to more than its size")
                    piece = inflater.unconsumed_tail
    except zlib.error:
        return  # The server says so.


def _jpeg(content: Content) -> Size:
    size: Size | None = None
    at = 2
    for _ in range(MOST_SEGMENTS):
        marker, after = _marker(content, at)
        if marker is None:
            break
        if marker in _SIZED:
            height, width = struct.unpack(">HH", content.read(after + 3, 4).ljust(4, b"\0"))
            size = Size(width, height)
            break
        if marker == 0xDA:
            break
        at = after + max(2, int.from_bytes(content.read(after, 2), "big"))
    else:
        raise Unfit(f"a JPEG picture may have at most {MOST_SEGMENTS} parts")
    if size is None:
        raise Unfit("a JPEG picture does not tell its size")
    _check_scans(content, at)
    return size


def _marker(content: Content, at: int) -> tuple[int | None, int]:
    """The marker at this place or after bytes that are none, and the place behind it."""
    length = _NEAR  # Nearly always it is here.
    while True:
        window = content.read(at, length)
        found = window.find(b"\xff")
        rest = window[found:].lstrip(b"\xff") if found >= 0 else b""
        if rest:
            return rest[0], at + len(window) - len(rest) + 1
        if len(window) < length:
            return None, at
        at += len(window) - (1 if found >= 0 else 0)
        length = WINDOW


def _check_scans(content: Content, start: int) -> None:
    """Within compressed data no such mark can be: a byte 255 is followed by a zero there."""
    scans, at = 0, start
    while True:
        window = content.read(at, WINDOW)
        scans += window.count(_SOS)
        if scans > MOST_SCANS:
            raise Unfit(f"a JPEG picture may have at most {MOST_SCANS} scans")
        if len(window) < WINDOW:
            return
        at += WINDOW - 1  # A mark may lie across two windows.
