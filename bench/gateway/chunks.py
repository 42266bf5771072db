"""What does it cost to relay one chunk of a stream?

All streams run at once, each chunk is one write of the backend; the CPU seconds of the proxy's
process, from before the first connection until after the last byte, are divided by the chunks.
A machine with few cores may let a proxy read several chunks at once: `per read` says how many
chunks came together at the client.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import answers, load, proxies
from bench.gateway.report import Table, median

_START = 1.0
"""Seconds over which the streams begin."""


@dataclass(frozen=True)
class Streams:
    """How many at once, of how many chunks, how many seconds apart."""

    count: int = 1000
    chunks: int = 200
    interval: float = 0.02

    @property
    def total(self) -> int:
        return self.count * self.chunks

    @property
    def seconds(self) -> float:
        return _START + self.chunks * self.interval


@dataclass(frozen=True)
class Run:
    """One run through one proxy."""

    cpu: float
    broken: int
    per_read: float


async def _one(port: int, ask: answers.Ask, due: float) -> load.Answer | None:
    await asyncio.sleep(due - asyncio.get_running_loop().time())
    try:
        connection = await load.connect(port)
        answer = await connection.ask(load.request(ask.body()))
    except (OSError, load.Broken):
        return None
    connection.transport.close()
    return answer


async def _all(port: int, asks: Sequence[answers.Ask]) -> list[load.Answer | None]:
    began = asyncio.get_running_loop().time()
    each = _START / len(asks)
    return await asyncio.gather(
        *(_one(port, ask, began + each * index) for index, ask in enumerate(asks))
    )


def measure(proxy: proxies.Proxy, streams: Streams) -> Run:
    """All streams through one proxy, every byte compared."""
    asks = [answers.Ask(seed, streams.chunks) for seed in range(streams.count)]
    before = proxy.cpu()
    got = load.run(_all(proxy.port, asks), limit=30 + 5 * streams.seconds)
    cpu = proxy.cpu() - before
    right = [a for a, ask in zip(got, asks, strict=True) if a is not None and a.is_right(ask)]
    reads = sum(len(answer.arrivals) for answer in right) or 1
    return Run(cpu, len(asks) - len(right), len(right) * streams.chunks / reads)


def table(
    work: Path, starts: Sequence[proxies.Start], runs: int, paces: Sequence[Streams]
) -> Table:
    """Interleaved runs through all; medians."""
    rows: list[list[str]] = []
    for streams in paces:
        found = _interleaved(work, starts, runs, streams)
        base = "Envoy" if "Envoy" in found else list(found)[-1]
        envoy = median(run.cpu for run in found[base])
        rows += [_row(name, of_name, streams, envoy) for name, of_name in found.items()]
    first = paces[0]
    options = f" --runs {runs} --streams {first.count} --chunks {first.chunks} --interval "
    options += ",".join(f"{streams.interval:g}" for streams in paces)
    head = ["chunks of a stream", "through", f"CPU s per {first.total:,} chunks", "µs per chunk"]
    head += ["÷ Envoy", "wanted", "chunks per read", "wrong or broken"]
    return Table("chunks", options, head, rows)


def _interleaved(
    work: Path, starts: Sequence[proxies.Start], runs: int, streams: Streams
) -> dict[str, list[Run]]:
    with (
        proxies.backend(slots=streams.count, interval=streams.interval) as replica,
        proxies.started(starts, work, [replica]) as compared,
    ):
        found: dict[str, list[Run]] = {proxy.name: [] for proxy in compared}
        for _ in range(runs):
            for proxy in compared:
                found[proxy.name].append(measure(proxy, streams))
    return found


def _row(name: str, runs: list[Run], streams: Streams, envoy: float) -> list[str]:
    cpu = median(run.cpu for run in runs)
    cells = [f"{cpu:.2f}", f"{cpu / streams.total * 1e6:.1f}", f"{cpu / envoy:.2f}"]
    return [
        f"{streams.interval * 1e3:g} ms apart",
        name,
        *(cells if cpu else ["–"] * 3),
        "≤ 0.8" if name == "ours" else "",
        f"{median(run.per_read for run in runs):.2f}",
        str(sum(run.broken for run in runs)),
    ]
