"""`python -m bench.gateway`: the measurements, one after the other."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.gateway import (
    bulk,
    chunks,
    conversations,
    crowd,
    flood,
    inside,
    large,
    proxies,
    several,
    short,
)
from bench.gateway.report import Table

_OURS = proxies.ours()
_PROXIES = (proxies.direct, proxies.envoy, proxies.haproxy(), _OURS)


def _with_others(given: argparse.Namespace) -> Sequence[proxies.Start]:
    """All proxies; or without those that were not made here, and beside another checkout's."""
    if not given.beside:
        return _PROXIES
    return (_OURS, proxies.beside(Path(given.beside).resolve()))


def _inside(_: Path, given: argparse.Namespace) -> Table:
    return inside.table(given.runs or 5, given.beside)


def _chunks(work: Path, given: argparse.Namespace) -> Table:
    intervals = [float(interval) for interval in given.interval.split(",")]
    paces = [chunks.Streams(given.streams, given.chunks, interval) for interval in intervals]
    return chunks.table(work, _with_others(given), given.runs or 5, paces)


def _short(work: Path, given: argparse.Namespace) -> Table:
    return short.cost(work, _with_others(given), given.runs or 5, given.requests)


def _latency(work: Path, given: argparse.Namespace) -> Table:
    return short.delay(work, _PROXIES, given.runs or 5, given.requests, given.rate)


def _crowd(work: Path, given: argparse.Namespace) -> Table:
    return crowd.table(work, _PROXIES, chunks.Streams(given.crowd, given.crowd_chunks, 0.1))


_LEAST_BUSY = {"HAProxy, leastconn": proxies.haproxy(), "ours": _OURS}


def _conversations(part: str, work: Path, given: argparse.Namespace) -> Table:
    through = {"Envoy, round robin": proxies.envoy, **_LEAST_BUSY}
    runs, count, turns = given.runs or 2, given.conversations, given.turns
    return conversations.with_reuse(part, work, through, runs, count, turns)


def _alone(work: Path, given: argparse.Namespace) -> Table:
    runs, users, count = given.runs or 5, given.conversations, given.alone
    return conversations.without_reuse(work, _LEAST_BUSY, runs, users, count)


def _flood(work: Path, given: argparse.Namespace) -> Table:
    ours = proxies.ours(flood.KEYS, flood.QUEUE)
    return flood.table(work, [proxies.haproxy(), ours], given.runs or 3, given.seconds)


def _large(work: Path, given: argparse.Namespace) -> Table:
    return large.table(work, given.runs or 3)


def _several(work: Path, given: argparse.Namespace) -> Table:
    return several.table(work, given.runs or 7, given.requests, given.rate)


def _bulk(work: Path, given: argparse.Namespace) -> Table:
    return bulk.table(work, given.inputs)


_PARTS: dict[str, Callable[[Path, argparse.Namespace], Table]] = {
    "chunks": _chunks,
    "inside": _inside,
    "short": _short,
    "latency": _latency,
    "crowd": _crowd,
    **{part: partial(_conversations, part) for part in conversations.REUSE},
    "alone": _alone,
    "flood": _flood,
    "large": _large,
    "bulk": _bulk,
    "several": _several,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway")
    parser.add_argument("--only", default=",".join(_PARTS), help="parts, with commas between them")
    parser.add_argument("--runs", type=int, default=0, help="of each part; 0: as the part has it")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--interval", default="0.02,0.04", help="seconds, one after the other")
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--crowd", type=int, default=2000)
    parser.add_argument("--crowd-chunks", type=int, default=100)
    parser.add_argument("--conversations", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--alone", type=int, default=48, help="requests without reuse")
    parser.add_argument("--inputs", type=int, default=2048, help="of the array")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--beside", default="", help="another checkout (of short, inside, chunks)")
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write if asked."""
    # So that what was started is stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = _options()
    for part in given.only.split(","):
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            table = _PARTS[part](Path(work), given)
        print(f"{table.text()}\n", flush=True)
        if given.write:
            table.write()


if __name__ == "__main__":
    main()
