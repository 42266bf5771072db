"""What do streams feel of large bodies that arrive beside them, and how much memory do those take?

The bodies name a model that is not there: what is measured is the gateway alone, from the first
byte to the refusal. They are sent by a thread, as fast as the gateway takes them.
"""

import asyncio
import re
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.gateway import answers, load, processes, proxies
from bench.gateway.report import Table, median

_MB = 1_000_000
_STREAMS, _CHUNKS, _INTERVAL = 20, 200, 0.02
_BEGIN = 1.0
_HEAD = '{"model": "nobody", "messages": [{"role": "user", "content": '


@dataclass(frozen=True)
class Kind:
    """Bodies that come at once: so many, so large, of this text or these values."""

    name: str
    count: int
    body: bytes


@dataclass(frozen=True)
class Run:
    """Seconds of the longest gap in a stream, seconds of the bodies, bytes of memory for them."""

    gap: float
    took: float
    memory: int
    status: frozenset[int]


def kinds() -> list[Kind]:
    """Each is what some client sends, or somebody who means harm."""
    emoji = (_HEAD + '"' + "word " * 100 + "😀").encode()
    text = emoji + b"word " * ((59 * _MB - len(emoji)) // 5) + b'"}]}'
    values = _HEAD.encode() + b"[" + b"[1]," * 99_000 + b"1]}]}"
    turns = ('{"role": "user", "content": "' + "word " * 40 + '"}, ').encode()
    chat = b'{"model": "nobody", "messages": [' + turns * (20 * _MB // len(turns)) + b"{}]}"
    return [
        Kind("none", 0, b""),
        Kind("59 MB of text with an emoji", 1, text),
        Kind("three of them", 3, text),
        Kind("20 MB of short messages", 1, chat),
        Kind("ten of 0.4 MB of small arrays", 10, values),
    ]


def table(work: Path, runs: int) -> Table:
    """Each kind beside the same streams, each in a gateway of its own."""
    rows = []
    with proxies.backend(slots=_STREAMS, interval=_INTERVAL) as replica:
        for kind in kinds():
            found = [_measure(work, replica, kind) for _ in range(runs)]
            rows.append(_row(kind, found))
    head = ["bodies beside 20 streams", "longest gap in a stream", "wanted", "until refused"]
    return Table(
        "large", f" --runs {runs}", [*head, "peak memory ÷ bytes of bodies", "status"], rows
    )


def _measure(work: Path, replica: proxies.Replica, kind: Kind) -> Run:
    with ExitStack() as stack:
        proxy = proxies.ours(held=512 * _MB)(stack, work, [replica])
        assert proxy.pid is not None
        load.run(_streams(proxy.port, 2, 5), 30)
        before = processes.peak_mb(proxy.pid)
        sender = _Sender(proxy.port, kind)
        got = load.run(_beside(proxy.port, sender), 120)
        sender.join()
        taken = int((processes.peak_mb(proxy.pid) - before) * _MB)
    return Run(max(map(_gap, got)), max(sender.took, default=0), taken, frozenset(sender.statuses))


async def _beside(port: int, sender: "_Sender") -> list[load.Answer]:
    asyncio.get_running_loop().call_later(_BEGIN, sender.start)
    return await _streams(port, _STREAMS, _CHUNKS)


async def _streams(port: int, count: int, chunks: int) -> list[load.Answer]:
    connections = [await load.connect(port) for _ in range(count)]
    asks = [answers.Ask(seed, chunks) for seed in range(count)]
    got = await asyncio.gather(
        *(c.ask(load.request(ask.body())) for c, ask in zip(connections, asks, strict=True))
    )
    for connection in connections:
        connection.transport.close()
    if not all(answer.is_right(ask) for answer, ask in zip(got, asks, strict=True)):
        raise SystemExit("a stream was not right")
    return got


def _gap(answer: load.Answer) -> float:
    times = [at for at, _ in answer.arrivals]
    return max(after - before for before, after in pairwise(times))


class _Sender:
    """Sends all bodies of a kind at once, each over a connection of its own."""

    def __init__(self, port: int, kind: Kind) -> None:
        self._port = port
        self._request = load.request(kind.body)
        self._threads = [threading.Thread(target=self._send) for _ in range(kind.count)]
        self.took: list[float] = []
        self.statuses: list[int] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self._port)) as sock:
            sock.sendall(self._request)
            found = re.match(rb"HTTP/1.1 (\d+)", sock.recv(1000))
        self.took.append(time.monotonic() - began)
        self.statuses.append(int(found[1]) if found else 0)


def _row(kind: Kind, runs: list[Run]) -> list[str]:
    size = kind.count * len(kind.body)
    memory = f"{median(run.memory for run in runs) / size:.2f}" if size else "–"
    return [
        kind.name,
        f"{max(run.gap for run in runs) * 1e3:.0f} ms",
        "≤ 100 ms" if size else "",
        f"{median(run.took for run in runs):.2f} s" if size else "–",
        memory,
        ", ".join(str(status) for run in runs[:1] for status in sorted(run.status)) or "–",
    ]
