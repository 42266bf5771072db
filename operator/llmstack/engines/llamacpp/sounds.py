"""How long is a sound once it is decoded? By what its file says, as llama-server reads it.

llama-server makes room for all samples at once, as many as the file says it has, at the rate of its
model. A few bytes can say that they are days:

    WAV     samples by the data, the rate, and what the chunk `fact` says
    FLAC    samples that its first block tells
    MP3     frames, one after the other, and how many a Xing or Info header tells of
"""

import struct
from typing import NamedTuple

from llmstack.engines.llamacpp.content import Content
from llmstack.engines.llamacpp.unfit import Unfit

_MOST_CHUNKS = 1000
_PCM, _ADPCM, _FLOAT, _ALAW, _MULAW, _IMA, _EXTENSIBLE = 1, 2, 3, 6, 7, 0x11, 0xFFFE
_MOST_RATE, _MOST_CHANNELS, _MOST_BITS = 384_000, 256, 64
"""What dr_wav takes: of anything else the server looks whether it is an MP3."""
_HEADERS = {_ADPCM: 6, _IMA: 4}
"""Bytes at the start of each block, for each channel."""
_LONGEST_FORMAT = 40
_UNKNOWN_SIZE = 0xFFFFFFFF
_LARGEST = 2**31

_RATES = (44_100, 48_000, 32_000)
_BITRATES_1 = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
}
_BITRATES_2 = {
    1: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
_SECONDS_A_BYTE = 0.018
"""At most, of what is no frame that is known here: a frame has 4 bytes and 72 ms at least."""
_MOST_JUNK = 64 * 1024
_FRAMES_AT_ONCE = 64 * 1024


class Frame(NamedTuple):
    """A frame of an MP3: its bytes and its seconds."""

    size: int
    seconds: float
    samples: int


def sound_seconds(content: Content, most: float) -> float | None:
    """How long it is; None: it is no sound. What is longer than `most` is not looked at to its end.

    Raises Unfit: its length cannot be told.
    """
    head = content.read(0, 12)
    if len(head) < 12:
        return None
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _wav(content)
    if head[:4] == b"fLaC":
        return _flac(content, 0)
    if head[:3] == b"ID3":
        at = _behind_tags(content)
        return _flac(content, at) if content.read(at, 4) == b"fLaC" else _mp3(content, at, most)
    if head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _mp3(content, 0, most)
    return None


def _wav(content: Content) -> float:
    at, fact = 12, 0
    fmt: bytes | None = None
    for _ in range(_MOST_CHUNKS):
        head = content.read(at, 8)
        if len(head) < 8:
            break
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"fmt ":
            if fmt is not None:
                raise Unfit("a WAV file tells its format twice")
            fmt = content.read(at + 8, min(size, _LONGEST_FORMAT))
            _check_format(fmt, size)
        elif kind == b"fact":
            if size < 4:
                raise Unfit("a WAV file has a chunk `fact` without a number")
            fact = max(fact, int.from_bytes(content.read(at + 8, 4), "little"))
        elif kind == b"data":
            if fmt is None:
                break
            return _wav_seconds(fmt, _there(content, at + 8, size), fact)
        at += 8 + size + size % 2
    raise Unfit("a WAV file has no format and data that can be read")


def _check_format(fmt: bytes, size: int) -> None:
    """Raises Unfit if dr_wav refuses this chunk, or goes on elsewhere than behind it."""
    tag, more = (int.from_bytes(fmt[at : at + 2], "little") for at in (0, 16))
    fits = size == 16 or (size >= 18 and more <= size - 18)
    if len(fmt) < min(size, _LONGEST_FORMAT) or not fits or (tag == _EXTENSIBLE and more != 22):
        raise Unfit("a WAV file has a format whose length no decoder takes")


def _there(content: Content, at: int, size: int) -> int:
    """How many of these bytes are there: a file may claim more than it has."""
    if size < _LARGEST and content.read(at + max(0, size - 1), 1):
        return size
    low, high = 0, min(size, _LARGEST)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if content.read(at + middle, 1) else (low, middle)
    return low


def _wav_seconds(fmt: bytes, size: int, fact: int) -> float:
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
    if rate > _MOST_RATE or channels > _MOST_CHANNELS or not 0 < bits <= _MOST_BITS:
        raise Unfit("a WAV file has a rate, channels or bits that no decoder takes")
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(fmt[24:26], "little")
    if not channels or not rate or not align:
        raise Unfit("a WAV file has no channel, rate or block")
    frame = align if bits % 8 else channels * bits // 8
    if (tag in (_PCM, _FLOAT) and bits >= 8) or (tag in (_ALAW, _MULAW) and frame == channels):
        samples = size // frame
    elif tag in _HEADERS and channels <= 2:
        blocks = -(-size // align)
        if blocks * channels * _HEADERS[tag] > size:
            raise Unfit("a WAV file has blocks that are shorter than their headers")
        samples = 2 * size
    else:
        raise Unfit("a WAV file must hold PCM, A-law, mu-law or ADPCM")
    return float(max(samples, fact) / rate)


def _flac(content: Content, at: int) -> float:
    head = content.read(at, 42)
    if len(head) < 42 or head[4] & 0x7F or head[5:8] != b"\0\0\x22":
        raise Unfit("a FLAC file does not begin with its length")
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if not rate or not samples:
        raise Unfit("a FLAC file does not tell its length")
    return samples / rate


def _behind_tags(content: Content) -> int:
    at = 0
    for _ in range(10):
        head = content.read(at, 10)
        if len(head) < 10 or head[:3] != b"ID3":
            return at
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    raise Unfit("an MP3 file has too many tags")


def _mp3(content: Content, start: int, most: float) -> float:
    start = _behind_zeros(content, start)
    seconds, at = 0.0, start
    window, base = b"", start
    while seconds <= most:
        if at + 4 > base + len(window):
            window, base = content.read(at, _FRAMES_AT_ONCE), at
            if len(window) < 4:
                return seconds
        frame = _frame(window[at - base : at - base + 4])
        if frame is None:
            return seconds + _junk(content, at, at == start)
        if at == start:
            seconds = _told(content.read(at, frame.size), frame)
            if seconds > most:
                return seconds
            seconds = 0.0
        seconds += frame.seconds
        at += frame.size
    return seconds


def _behind_zeros(content: Content, start: int) -> int:
    """Some programs pad a tag beyond its end."""
    window = content.read(start, _MOST_JUNK)
    return start + len(window) - len(window.lstrip(b"\0"))


def _junk(content: Content, at: int, begins: bool) -> float:
    """The most that a decoder might find in what follows, where no frame begins."""
    size = len(content.read(at, _MOST_JUNK))
    if begins or size == _MOST_JUNK:
        raise Unfit("an MP3 file holds what is no frame: its length cannot be told")
    return size * _SECONDS_A_BYTE


def _told(first: bytes, frame: Frame) -> float:
    """Seconds that a Xing or Info header in the first frame tells of; 0 without one."""
    for mark in (b"Xing", b"Info"):
        at = first.find(mark)
        if at >= 0 and len(first) >= at + 12 and first[at + 7] & 1:
            return int.from_bytes(first[at + 8 : at + 12], "big") * frame.seconds
    return 0.0


def _frame(head: bytes) -> Frame | None:
    """The frame that begins so; None: none does, or one whose size nothing tells."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    index, rate_index, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or not layer or index in (0, 15) or rate_index == 3:
        return None
    rate = _RATES[rate_index] >> (0 if version == 3 else 1 if version == 2 else 2)
    bitrate = 1000 * (_BITRATES_1 if version == 3 else _BITRATES_2)[layer][index]
    samples = 384 if layer == 3 else 576 if layer == 1 and version != 3 else 1152
    size = samples // 8 * bitrate // rate
    size = size // 4 * 4 + 4 * padding if layer == 3 else size + padding
    return Frame(size, samples / rate, samples)
