"""How large is a picture once it is decoded?"""

from __future__ import annotations

import struct
import zlib

import pytest

from llmstack.engines.llamacpp.content import WINDOW, Plain
from llmstack.engines.llamacpp.pictures import MOST_SCANS, Size, picture_size
from llmstack.engines.llamacpp.unfit import Unfit


def size(data: bytes) -> Size | None:
    return picture_size(Plain(data, 0, len(data)))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, raw: bytes | None = None, pieces: int = 1) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(raw if raw is not None else bytes((3 * width + 1) * height), 9)
    step = len(data) // pieces + 1
    cut = [data[at : at + step] for at in range(0, len(data), step)]
    ours = chunk(b"tEXt", b"Comment\0" + b"x" * 100_000)
    pieces_of_data = b"".join(chunk(b"IDAT", piece) for piece in cut)
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return begin + ours + pieces_of_data + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg(width: int, height: int, scans: int = 1, sof: int = 0xC0, more: bytes = b"") -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34"
    return b"\xff\xd8" + more + segment(sof, frame) + scan * scans + b"\xff\xd9"


SIZES = [
    ("a PNG", png(7, 5), (7, 5)),
    ("a PNG of one colour, well packed", png(3000, 2000), (3000, 2000)),
    ("a PNG in many pieces", png(3000, 2000, pieces=50), (3000, 2000)),
    ("a PNG of the largest size", png(2**32 - 1, 2**32 - 1, b""), (2**32 - 1, 2**32 - 1)),
    ("a JPEG", jpeg(640, 480), (640, 480)),
    ("a progressive JPEG", jpeg(640, 480, sof=0xC2), (640, 480)),
    ("a JPEG with a thumbnail", jpeg(640, 480, more=segment(0xE1, jpeg(16, 16))), (640, 480)),
    ("a JPEG with much before", jpeg(9, 8, more=segment(0xE2, bytes(65_000)) * 9), (9, 8)),
    ("a JPEG with padding", jpeg(9, 8, more=b"\x00\x01" + b"\xff" * 5 + b"\xe0\0\2"), (9, 8)),
    ("a JPEG with more padding", jpeg(9, 8, more=b"\xff" * (2 * WINDOW) + b"\xe0\0\2"), (9, 8)),
    ("a GIF", b"GIF89a" + struct.pack("<HH", 30_000, 20_000) + bytes(9), (30_000, 20_000)),
    ("a BMP", b"BM" + bytes(12) + struct.pack("<Iii", 40, 300, -200), (300, 200)),
    ("an old BMP", b"BM" + bytes(12) + struct.pack("<IHH", 12, 300, 200), (300, 200)),
    ("a WebP", b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x0f\x27\0\x1f\x4e\0", (10_000, 20_000)),
    ("text", b"hello, this is no picture at all", None),
    ("nothing", b"", None),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "expected"), SIZES, ids=[row[0] for row in SIZES])
def test_a_picture_tells_its_size(what: str, data: bytes, expected: tuple[int, int] | None) -> None:
    assert size(data) == expected


TGA = b"\0\0\2" + bytes(9) + struct.pack("<HH", 60_000, 60_000) + b"\x20\0"
REFUSED = [
    ("a PNG that expands to more", png(8, 8, bytes(20_000_000)), "more than its size"),
    ("the same in pieces", png(8, 8, bytes(20_000_000), pieces=9), "more than its size"),
    ("a PNG without a head", b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b""), "begin with its size"),
    ("a JPEG of many scans", jpeg(8, 8, MOST_SCANS + 1, 0xC2), "scans"),
    ("a JPEG without a size", b"\xff\xd8" + segment(0xE0, b"") + b"\xff\xd9", "tell its size"),
    ("a JPEG without an end", b"\xff\xd8" + b"\xff" * 200_000, "tell its size"),
    ("a PSD", b"8BPS\0\1" + bytes(40), "may be PNG"),
    ("a PNM", b"P6 60000 60000 255\n", "may be PNG"),
    ("a PNM without a space", b"P630000 30000 255\n", "may be PNG"),
    ("an HDR", b"#?RADIANCE\n", "may be PNG"),
    ("a PIC", b"\x53\x80\xf6\x34" + bytes(100), "may be PNG"),
    ("a TGA", TGA + bytes(20), "may be PNG"),
    ("a cut GIF", b"GIF89a\x01", "within its header"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_costs_more_than_its_size_is_refused(what: str, data: bytes, words: str) -> None:
    with pytest.raises(Unfit, match=words):
        size(data)


class Counting(Plain):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, start: int, count: int) -> bytes:
        found = super().read(start, count)
        self.taken += len(found)
        return found


def test_each_part_of_a_jpeg_is_read_by_a_few_bytes() -> None:
    data = jpeg(8, 8, more=segment(0xE0, b"") * 2000)
    content = Counting(data + bytes(200_000), 0, len(data) + 200_000)
    assert picture_size(content) == (8, 8)
    assert content.taken < 2 * len(data) + 40 * 2000 + 300_000
