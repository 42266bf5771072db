"""Which bytes of a file are still to be fetched?

A file is downloaded in ranges, in any order. A journal beside it tells which ranges are there, so
that a kill at any byte loses only what was under way. Ranges are half open: [start, end).

The journal is text, one record a line, every record closed by `;` (a torn one never parses):

    boot 3f0c…;        the kernel under which the records that follow were written
    + 1 0 8388608;     record 1: these bytes were handed to the kernel
    = 1;               records up to 1 have reached the disk

Order: bytes, then `+`. Flush of the file, then `=`. So under the same kernel every `+` counts (the
page cache outlives the process), under another one only those that a `=` covers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Range = tuple[int, int]

# Small enough to spread over connections and to lose little, large enough for few requests.
MIN_CHUNK = 8 * 2**20
MAX_CHUNK = 64 * 2**20


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same bytes in as few ranges as can be, in order. Empty ranges vanish."""
    merged: list[Range] = []
    for start, end in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def missing(total: int, done: Iterable[Range]) -> tuple[Range, ...]:
    """Return the byte ranges of [0, total) that are not in `done`."""
    gaps: list[Range] = []
    position = 0
    for start, end in merge(done):
        if position < min(start, total):
            gaps.append((position, min(start, total)))
        position = max(position, end)
    if position < total:
        gaps.append((position, total))
    return tuple(gaps)


def covered(ranges: Iterable[Range]) -> int:
    """Return the number of bytes in the ranges."""
    return sum(end - start for start, end in merge(ranges))


def prefix(done: Iterable[Range]) -> int:
    """Return the number of contiguous bytes from the start of the file."""
    merged = merge(done)
    return merged[0][1] if merged and merged[0][0] == 0 else 0


def chunk_size(total: int, connections: int) -> int:
    """Return how many bytes one request asks for, so that each connection gets a few requests."""
    return max(MIN_CHUNK, min(MAX_CHUNK, total // (4 * connections)))


def chunks(ranges: Iterable[Range], size: int) -> Iterator[Range]:
    """The same bytes in ranges of at most `size`, in order."""
    for start, end in ranges:
        for position in range(start, end, size):
            yield position, min(position + size, end)


@dataclass(frozen=True)
class Journal:
    """Byte ranges recorded in a journal: `durable` ones reached the disk."""

    durable: tuple[Range, ...] = ()
    volatile: tuple[Range, ...] = ()

    @property
    def done(self) -> tuple[Range, ...]:
        """Every byte that need not be fetched again."""
        return merge((*self.durable, *self.volatile))


@dataclass
class _Reading:
    boot: str = ""
    flushed: int = 0
    records: list[tuple[int, str, Range]] = field(default_factory=list)


def read_journal(text: str, boot: str, total: int) -> Journal:
    """Return the ranges that a journal proves to a process under kernel `boot`. Records that are
    torn, malformed or outside the file are ignored.
    """
    reading = _Reading()
    for line in text.split("\n"):
        if line.endswith(";"):
            _read_record(reading, line[:-1].split(" "), total)
    flushed = [pair for number, _, pair in reading.records if number <= reading.flushed]
    rest = [
        pair
        for number, written_under, pair in reading.records
        if number > reading.flushed and boot and written_under == boot
    ]
    return Journal(merge(flushed), merge(rest))


def _read_record(reading: _Reading, words: list[str], total: int) -> None:
    match words:
        case ["boot", boot]:
            reading.boot = boot
        case ["=", number] if _is_number(number):
            reading.flushed = max(reading.flushed, int(number))
        case ["+", *numbers] if len(numbers) == 3 and all(map(_is_number, numbers)):
            count, start, end = map(int, numbers)
            if start < end <= total:
                reading.records.append((count, reading.boot, (start, end)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def new_journal(state: Journal, boot: str) -> tuple[str, int]:
    """The text of a fresh journal that proves the same, and the number of its last record.

    A resumed download begins with it: what an older kernel left unproven is not carried along.
    """
    durable = [_record(number, pair) for number, pair in enumerate(state.durable, 1)]
    first = len(durable) + 1
    volatile = [_record(number, pair) for number, pair in enumerate(state.volatile, first)]
    lines = [boot_record(boot), *durable, flush_record(len(durable)), *volatile]
    return "".join(lines), len(durable) + len(volatile)


def boot_record(boot: str) -> str:
    """The records that follow were written under this kernel."""
    return f"boot {boot};\n"


def range_record(number: int, start: int, end: int) -> str:
    """These bytes were handed to the kernel."""
    return _record(number, (start, end))


def flush_record(number: int) -> str:
    """All records up to this one have reached the disk."""
    return f"= {number};\n"


def _record(number: int, pair: Range) -> str:
    return f"+ {number} {pair[0]} {pair[1]};\n"


def needed_space(files: Iterable[tuple[int, int]]) -> int:
    """Return the free bytes that the cache needs for these files, each (total, have)."""
    return sum(max(0, total - have) for total, have in files)
