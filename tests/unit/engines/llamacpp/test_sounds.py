"""How long is a sound, by what its file says?"""

from __future__ import annotations

import struct

import pytest

from llmstack.engines.llamacpp.content import Plain
from llmstack.engines.llamacpp.sounds import sound_seconds
from llmstack.engines.llamacpp.unfit import Unfit

HOUR = 3600.0
DAY = 86_400


def seconds(data: bytes, most: float = HOUR) -> float | None:
    return sound_seconds(Plain(data, 0, len(data)), most)


def chunk(kind: bytes, data: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(data) if size is None else size) + data


def fmt(tag: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16) -> bytes:
    align = max(1, channels * bits // 8)
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits))


def wav(*chunks: bytes) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def flac(samples: int, rate: int = 16_000) -> bytes:
    packed = rate << 44 | 15 << 36 | samples
    return b"fLaC\x80\0\0\x22" + bytes(10) + packed.to_bytes(8, "big") + bytes(16)


FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, layer 3, 128 kbit/s, 44.1 kHz
SMALL_FRAME = b"\xff\xf3\x14\x00" + bytes(20)  # MPEG 2, layer 3, 8 kbit/s, 24 kHz
XING = FRAME[:36] + b"Xing\0\0\0\1" + struct.pack(">I", 1_000_000) + bytes(369)
ID3 = b"ID3\4\0\0\0\0\2\0" + bytes(256)
SECOND = bytes(32_000)

LENGTHS = [
    ("a WAV", wav(fmt(), chunk(b"data", SECOND)), 1.0),
    ("a WAV of two channels", wav(fmt(channels=2), chunk(b"data", SECOND)), 0.5),
    ("a WAV of a low rate", wav(fmt(rate=1), chunk(b"data", SECOND)), 16_000.0),
    ("a WAV of 8 bits", wav(fmt(bits=8), chunk(b"data", SECOND)), 2.0),
    ("a WAV that says too much", wav(fmt(), chunk(b"data", SECOND, 2**32 - 1)), 1.0),
    ("a WAV whose fact is a lie",
     wav(fmt(2, bits=4), chunk(b"fact", b"\xff\xff\xff\xff"), chunk(b"data", b"")),
     (2**32 - 1) / 16_000),
    ("a WAV with a list", wav(fmt(), chunk(b"LIST", b"abc") + b"\0", chunk(b"data", SECOND)), 1.0),
    ("a WAV of 9 bits in small frames",
     wav(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 200, 100, 0, 1, 9)), chunk(b"data", SECOND)),
     320.0),
    ("mu-law", wav(fmt(7, bits=8, rate=8000), chunk(b"data", SECOND)), 4.0),
    ("a FLAC", flac(32_000), 2.0),
    ("a FLAC behind a tag", ID3 + flac(32_000), 2.0),
    ("a FLAC that says days", flac(2**36 - 1), (2**36 - 1) / 16_000),
    ("an MP3", FRAME * 100, 100 * 1152 / 44_100),
    ("an MP3 behind a tag", ID3 + FRAME * 100, 100 * 1152 / 44_100),
    ("an MP3 behind padding", ID3 + bytes(1000) + FRAME * 100, 100 * 1152 / 44_100),
    ("an MP3 of low quality", SMALL_FRAME * 100_000, 2400.0),
    ("an MP3 whose head says hours", XING + FRAME, 1_000_000 * 1152 / 44_100),
    ("text", b"hello, this is no sound at all", None),
    ("nothing", b"", None),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "expected"), LENGTHS, ids=[row[0] for row in LENGTHS])
def test_a_sound_tells_its_length(what: str, data: bytes, expected: float | None) -> None:
    assert seconds(data) == (pytest.approx(expected) if expected is not None else None)


def test_a_tag_at_the_end_counts_for_little() -> None:
    told = seconds(FRAME * 100 + b"TAG" + b"\xff" * 125)

    assert told is not None
    assert 2.6 < told < 6


def test_no_more_is_looked_at_than_it_may_last() -> None:
    assert HOUR < (seconds(SMALL_FRAME * 1_000_000) or 0) < HOUR + 1


REFUSED = [
    ("a WAV without data", wav(fmt()), "can be read"),
    ("a WAV without a format", wav(chunk(b"data", SECOND)), "can be read"),
    ("a WAV with two formats", wav(fmt(rate=1), fmt(), chunk(b"data", SECOND)), "twice"),
    ("a WAV without a rate", wav(fmt(rate=0), chunk(b"data", SECOND)), "no channel"),
    ("a WAV of a rate that no decoder takes, around an MP3",
     wav(fmt(rate=400_000), chunk(b"data", FRAME * 100)), "no decoder"),
    ("a WAV of too many channels", wav(fmt(channels=257), chunk(b"data", SECOND)), "no decoder"),
    ("mu-law of 16 bits, around an MP3", wav(fmt(7), chunk(b"data", FRAME * 9)), "must hold"),
    ("ADPCM of three channels, around an MP3",
     wav(fmt(2, channels=3, bits=4), chunk(b"fact", b"\1\0\0\0"), chunk(b"data", FRAME * 9)),
     "must hold"),
    ("ADPCM of blocks without data", wav(fmt(2, bits=4), chunk(b"data", SECOND)), "their headers"),
    ("a WAV whose format is too short", wav(chunk(b"fmt ", b""), fmt()[8:], SECOND), "a format"),
    ("a WAV whose format goes on beyond its end",
     wav(chunk(b"fmt ", fmt()[8:] + b"\xff\xff"), chunk(b"data", FRAME)), "a format"),
    ("an extensible WAV of a wrong length",
     wav(chunk(b"fmt ", fmt(0xFFFE)[8:] + b"\x15\0" + bytes(6) + b"\1\0" + bytes(14)),
         chunk(b"data", FRAME)), "a format"),
    ("a WAV with an empty fact", wav(fmt(), chunk(b"fact", b""), chunk(b"data", FRAME)), "`fact`"),
    ("a WAV of no bits", wav(fmt(7, bits=0), chunk(b"data", SECOND)), "no decoder"),
    ("a WAV of something else", wav(fmt(0x55), chunk(b"data", FRAME * 100)), "must hold PCM"),
    ("a WAV of four bits", wav(fmt(bits=4), chunk(b"data", SECOND)), "must hold PCM"),
    ("a FLAC without a length", flac(0), "tell its length"),
    ("a FLAC without a head", b"fLaC\x04\0\0\x22" + bytes(100), "begin with its length"),
    ("an MP3 that begins with junk", b"\xff\xe0" + b"x" * 100, "no frame"),
    ("an MP3 of free format", (b"\xff\xfb\x00\x00" + bytes(20)) * 100, "no frame"),
    ("an MP3 with much junk", FRAME + b"x" * 100_000, "no frame"),
    ("tags without end", ID3 * 20, "too many tags"),
    ("Ogg behind a tag", ID3 + b"OggS" + bytes(100), "no frame"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "data", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_does_not_tell_its_length_is_refused(what: str, data: bytes, words: str) -> None:
    with pytest.raises(Unfit, match=words):
        seconds(data)
