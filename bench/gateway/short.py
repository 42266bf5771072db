"""What does a short request cost, and how much later does its answer come?

Cost: a few kept connections, each sends its next request when the last is answered; the CPU seconds
of the proxy's process count. Delay: requests leave on a fixed schedule, whether or not earlier ones
are answered, on connections that are kept and idle; direct runs stand between the others.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import answers, load, proxies
from bench.gateway.report import Table, median, percentile

_LIMIT = 120.0
_WARM_UP = 20

Sent = list[tuple[answers.Ask, load.Answer]]


@dataclass(frozen=True)
class Run:
    """One run through one proxy; seconds."""

    cpu: float
    p50: float
    p99: float
    wrong: int


async def closed(port: int, count: int, connections: int) -> Sent:
    """`count` requests, as many at once as there are connections."""
    asks = iter([answers.Ask(seed) for seed in range(count)])
    sent: Sent = []

    async def user() -> None:
        connection = await load.connect(port)
        for ask in asks:
            sent.append((ask, await connection.ask(load.request(ask.body()))))
        connection.transport.close()

    await asyncio.gather(*(user() for _ in range(connections)))
    return sent


async def paced(port: int, count: int, rate: float) -> Sent:
    """`count` requests, `rate` a second."""
    loop = asyncio.get_running_loop()
    idle = [await load.connect(port) for _ in range(8)]
    asks = [answers.Ask(seed) for seed in range(count)]
    ready = [(ask, load.request(ask.body())) for ask in asks]
    began = loop.time()

    async def one(ask: answers.Ask, request: bytes) -> tuple[answers.Ask, load.Answer]:
        connection = idle.pop() if idle else await load.connect(port)
        answer = await connection.ask(request)
        idle.append(connection)
        return ask, answer

    tasks = []
    for index, (ask, request) in enumerate(ready):
        await asyncio.sleep(began + index / rate - loop.time())
        tasks.append(asyncio.create_task(one(ask, request)))
    sent = await asyncio.gather(*tasks)
    for connection in idle:
        connection.transport.close()
    return sent


def _measure(proxy: proxies.Proxy, count: int, rate: float) -> Run:
    """`rate` 0: the closed loop."""
    load.run(closed(proxy.port, _WARM_UP, 8), _LIMIT)
    before = proxy.cpu()
    kind = paced(proxy.port, count, rate) if rate else closed(proxy.port, count, 8)
    sent = load.run(kind, _LIMIT)
    cpu = proxy.cpu() - before
    wrong = sum(not answer.is_right(ask) for ask, answer in sent)
    seconds = [answer.whole for _, answer in sent]
    return Run(cpu, percentile(seconds, 0.5), percentile(seconds, 0.99), wrong)


def _interleaved(
    work: Path, starts: Sequence[proxies.Start], runs: int, count: int, rate: float
) -> dict[str, list[Run]]:
    with (
        proxies.backend(slots=64) as replica,
        proxies.started(starts, work, [replica]) as compared,
    ):
        found: dict[str, list[Run]] = {proxy.name: [] for proxy in compared}
        for _ in range(runs):
            for proxy in compared:
                found[proxy.name].append(_measure(proxy, count, rate))
    return found


def cost(work: Path, starts: Sequence[proxies.Start], runs: int, count: int = 6000) -> Table:
    """CPU of short requests; as a multiple of Envoy's, or of the last proxy's without one."""
    found = _interleaved(work, starts, runs, count, rate=0)
    base = "Envoy" if "Envoy" in found else list(found)[-1]
    cpu_of_base = median(run.cpu for run in found[base])
    rows = []
    for name, of_name in found.items():
        cpu = median(run.cpu for run in of_name)
        cells = [f"{cpu:.2f}", f"{cpu / count * 1e6:.0f}", f"{cpu / cpu_of_base:.2f}"]
        wanted = "≤ 2" if name == "ours" and base == "Envoy" else ""
        p50 = f"{median(run.p50 for run in of_name) * 1e3:.2f}"
        wrong = str(sum(run.wrong for run in of_name))
        rows.append([name, *(cells if cpu else ["–"] * 3), wanted, p50, wrong])
    head = ["proxy", f"CPU s per {count:,} requests", "µs per request", f"÷ {base}", "wanted"]
    options = f" --runs {runs} --requests {count}"
    return Table("short", options, [*head, "p50 of a request, ms", "wrong"], rows)


def delay(
    work: Path, starts: Sequence[proxies.Start], runs: int, count: int, rate: float = 500
) -> Table:
    """Added latency."""
    found = _interleaved(work, starts, runs, count, rate)
    bare50, bare99 = (median(values) for values in _percentiles(found["direct"]))
    rows = []
    for name, of_name in found.items():
        p50, p99 = (median(values) for values in _percentiles(of_name))
        cells = [f"{p50 * 1e3:.2f}", f"{p99 * 1e3:.2f}"]
        more = [f"{(p50 - bare50) * 1e3:.2f}", f"{(p99 - bare99) * 1e3:.2f}"]
        wanted = "≤ 0.5 / ≤ 5" if name == "ours" else ""
        wrong = str(sum(run.wrong for run in of_name))
        rows.append([name, *cells, *(["–", "–"] if name == "direct" else more), wanted, wrong])
    head = ["proxy", "p50, ms", "p99, ms", "added p50, ms", "added p99, ms", "wanted", "wrong"]
    options = f" --runs {runs} --requests {count} --rate {rate:g}"
    return Table("latency", options, head, rows)


def _percentiles(runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    return [run.p50 for run in runs], [run.p99 for run in runs]
