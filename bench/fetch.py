"""How fast is `llmstack fetch`, and how much memory does it take?

    python -m bench.fetch [--runs 5] [--gib 1] [--folder DIR] [--write]

Against curl followed by sha256sum and sync, from a fast local server; against one connection, from
a server that throttles each connection. Runs are interleaved, medians count. `--write` puts the
table into docs/bench-fetch.md.
"""

import argparse
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.page import dated, put

_PAGE = Path(__file__).parents[1] / "docs" / "bench-fetch.md"
_THROTTLE = 4_000_000
_THROTTLED_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Run:
    """One run of a command: wall seconds, CPU seconds, peak resident memory in MiB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], **environ: str) -> Run:
    """Run it to its end. Raises if it fails."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=dict(os.environ) | environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed: {process.stderr and process.stderr.read()!r}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_model(path: Path, size: int) -> None:
    """A GGUF file of about this size: one tensor of bytes that do not compress."""
    weights = size // 32 * 32
    key = b"general.architecture"
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", len(key)) + key
    head += struct.pack("<IQ", 8, 5) + b"llama"
    head += struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, weights, 24, 0)
    with path.open("wb") as file:
        file.write(head + b"\0" * (-len(head) % 32))
        piece = os.urandom(2**24)
        for start in range(0, weights, len(piece)):
            file.write(piece[: weights - start])


@contextmanager
def serving(folder: Path, rate: int = 0) -> Iterator[str]:
    """A server of its own process; its address."""
    command = [sys.executable, "-m", "bench.static_server", str(folder), str(rate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def fetch(address: str, work: Path, connections: int = 8) -> Run:
    """`llmstack fetch` into an empty cache."""
    cache = work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "llmstack",
        "fetch",
        "--source",
        address,
        "--cache",
        str(cache),
    ]
    return measure(command, LLMSTACK_FETCH_CONNECTIONS=str(connections))


def by_hand(address: str, work: Path) -> Run:
    """curl, then sha256sum, then sync of the file."""
    file = work / "by-hand"
    file.unlink(missing_ok=True)
    return measure(
        [
            "sh",
            "-c",
            'curl -sSf -o "$1" "$2" && sha256sum "$1" && sync "$1"',
            "sh",
            str(file),
            address,
        ]
    )


def compare_fast(work: Path, size: int, runs: int) -> tuple[list[Run], list[Run]]:
    """Interleaved runs of both; the first pair only warms the page cache."""
    ours, theirs = [], []
    write_model(work / "m.gguf", size)
    with serving(work) as address:
        for _ in range(runs + 1):
            theirs.append(by_hand(f"{address}/m.gguf", work))
            ours.append(fetch(f"{address}/m.gguf", work))
    return ours[1:], theirs[1:]


def compare_throttled(work: Path, runs: int) -> tuple[list[Run], list[Run]]:
    """Eight connections and one, where each is throttled."""
    many, one = [], []
    write_model(work / "t.gguf", _THROTTLED_BYTES)
    with serving(work, _THROTTLE) as address:
        for _ in range(runs):
            one.append(fetch(f"{address}/t.gguf", work, connections=1))
            many.append(fetch(f"{address}/t.gguf", work))
    return many, one


def second_pod(work: Path, size: int) -> Run:
    """The same model again, from a cache that has it."""
    write_model(work / "m.gguf", size)
    with serving(work) as address:
        fetch(f"{address}/m.gguf", work)
        cache = str(work / "cache")
        source = f"{address}/m.gguf"
        return measure(
            [sys.executable, "-m", "llmstack", "fetch", "--source", source, "--cache", cache]
        )


def table(work: Path, gib: float, runs: int) -> str:
    size = int(gib * 2**30)
    ours, theirs = compare_fast(work, size, runs)
    many, one = compare_throttled(work, max(1, runs // 2))
    again = second_pod(work, size)
    mega = size / 1e6
    peak = max(run.peak for run in [*ours, *many])
    rows = [
        (
            "fast server: fetch",
            _speed(ours, mega),
            _cpu(ours),
            f"{_wall(theirs) / _wall(ours):.2f}",
            "≥ 0.9",
        ),
        ("fast server: curl, sha256sum, sync", _speed(theirs, mega), _cpu(theirs), "1.00", ""),
        *_throttled_rows(many, one),
        (
            f"the same model again ({gib:g} GiB)",
            f"{again.wall:.2f} s",
            f"{again.cpu:.2f} s",
            "",
            "0 bytes",
        ),
        ("fetch: peak resident memory", f"{peak:.0f} MiB", "", "", "≤ 100 MB"),
    ]
    lines = ["| what | median | CPU | ratio | wanted |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _throttled_rows(many: list[Run], one: list[Run]) -> list[tuple[str, str, str, str, str]]:
    mega = _THROTTLED_BYTES / 1e6
    ratio = f"{_wall(one) / _wall(many):.1f}"
    return [
        ("throttled server: fetch, 8 connections", _speed(many, mega), _cpu(many), ratio, "≥ 4"),
        ("throttled server: fetch, 1 connection", _speed(one, mega), _cpu(one), "1.0", ""),
    ]


def _wall(runs: list[Run]) -> float:
    return statistics.median(run.wall for run in runs)


def _speed(runs: list[Run], mega: float) -> str:
    return f"{_wall(runs):.2f} s ({mega / _wall(runs):.0f} MB/s)"


def _cpu(runs: list[Run]) -> str:
    return f"{statistics.median(run.cpu for run in runs):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--folder", type=Path, help="where to write; a disk, not a tmpfs")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        found = table(Path(work), options.gib, options.runs)
    print(found)
    if options.write:
        command = f"python -m bench.fetch --runs {options.runs} --gib {options.gib:g}"
        put(dated(found, command), _PAGE)


if __name__ == "__main__":
    main()
