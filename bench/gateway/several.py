"""What does it cost that another gateway owns the model?

One gateway alone, one that has a place among peers and no peer, and three together, before the
same scripted replica: requests go to the owner of the model among the three, and to another one,
which asks it for each. Runs of all alternate.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.gateway import load, processes, proxies
from bench.gateway.report import Table, percentile
from bench.gateway.short import closed, paced

_LIMIT = 120.0
_MODEL = "bench"
_T95 = {3: 4.30, 5: 2.78, 7: 2.45, 9: 2.31, 11: 2.23}
"""Student's t for 95% of so many runs."""


@dataclass(frozen=True)
class Way:
    """How requests go: to this port, at the cost of these processes."""

    name: str
    port: int
    pids: Sequence[int]

    def cpu(self) -> float:
        return sum(map(processes.cpu_seconds, self.pids))


@dataclass(frozen=True)
class _Run:
    p50: float
    p99: float
    cpu: float
    wrong: int


def table(work: Path, runs: int, count: int, rate: float) -> Table:
    """Latency at a fixed rate, and CPU of a closed loop, of all three ways."""
    found: dict[str, list[_Run]] = {}
    with proxies.backend(slots=64) as replica, _ways(work, replica) as ways:
        for way in ways:
            load.run(closed(way.port, 50, 8), _LIMIT)
        for _ in range(runs):
            for way in ways:
                found.setdefault(way.name, []).append(_measure(way, count, rate))
    base = found["one gateway"]
    rows = []
    for name, of_name in found.items():
        more50 = [(run.p50 - one.p50) * 1e3 for run, one in zip(of_name, base, strict=True)]
        more99 = [(run.p99 - one.p99) * 1e3 for run, one in zip(of_name, base, strict=True)]
        times = [run.cpu / one.cpu for run, one in zip(of_name, base, strict=True)]
        cells = [
            f"{statistics.median(run.p50 for run in of_name) * 1e3:.2f}",
            f"{statistics.median(run.p99 for run in of_name) * 1e3:.2f}",
            f"{statistics.median(run.cpu for run in of_name) / count * 1e6:.0f}",
        ]
        added = ["–"] * 3 if of_name is base else [_ci(more50), _ci(more99), _ci(times)]
        wanted = "≤ 0.3 / ≤ 3 / ≤ 1.3" if name.startswith("another") else ""
        rows.append([name, *cells, *added, wanted, str(sum(run.wrong for run in of_name))])
    head = ["requests go to", "p50, ms", "p99, ms", "CPU µs per request, all gateways"]
    head += ["added p50, ms", "added p99, ms", "CPU ÷ one's", "wanted", "wrong"]
    options = f" --runs {runs} --requests {count} --rate {rate:g}"
    return Table("several", options, head, rows)


def _measure(way: Way, count: int, rate: float) -> _Run:
    sent = load.run(paced(way.port, count, rate), _LIMIT)
    seconds = [answer.whole for _, answer in sent]
    before = way.cpu()
    more = load.run(closed(way.port, count, 8), _LIMIT)
    cpu = way.cpu() - before
    wrong = sum(not answer.is_right(ask) for ask, answer in (*sent, *more))
    return _Run(percentile(seconds, 0.5), percentile(seconds, 0.99), cpu, wrong)


def _ci(values: Sequence[float]) -> str:
    """The mean, and half of the interval that holds it with 95%."""
    mean = statistics.mean(values)
    if len(values) not in _T95:
        return f"{mean:.2f}"
    half = _T95[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2f} ± {half:.2f}"


@contextmanager
def _ways(work: Path, replica: proxies.Replica) -> Iterator[list[Way]]:
    """One gateway, and three that serve the same replica; only one way is used at a time."""
    (work / "token").write_text("the-secret-of-all-gateways")
    names = [f"127.0.0.1:{processes.free_port()}" for _ in range(3)]
    with ExitStack() as stack:
        alone = _start(stack, work, replica, None, names)
        own = f"127.0.0.1:{processes.free_port()}"
        ready = _start(stack, work, replica, own, [own])
        three = [_start(stack, work, replica, name, names) for name in names]
        owner = _owner(three)
        other = next(each for each in three if each is not owner)
        pids = [each.pid for each in three if each.pid]
        yield [
            Way("one gateway", alone.port, [alone.pid] if alone.pid else []),
            Way("one, ready for peers", ready.port, [ready.pid] if ready.pid else []),
            Way("the owner, of three", owner.port, pids),
            Way("another of three", other.port, pids),
        ]


def _start(
    stack: ExitStack, work: Path, replica: proxies.Replica, name: str | None, names: list[str]
) -> proxies.Proxy:
    port, admin = processes.free_port(), processes.free_port()
    config: dict[str, object] = {
        "listen": f"127.0.0.1:{port}",
        "admin": f"127.0.0.1:{admin}",
        "models": [
            {
                "name": _MODEL,
                "backends": [{"url": f"http://127.0.0.1:{replica.port}"}],
                "queue": {"maxRequests": 4096, "timeoutSeconds": 600},
            }
        ],
    }
    if name is not None:
        config["peers"] = {"listen": name, "members": names, "tokenFile": "token"}
    path = work / f"{port}.yaml"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "llmstack", "gateway", "--config", str(path)]
    log = work / f"{port}.log"
    process = stack.enter_context(processes.running(command, log))
    processes.until(lambda: _ready(admin), process, log)
    return proxies.Proxy(name or "one", port, process.pid, admin)


def _ready(admin: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{admin}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _owner(gateways: Sequence[proxies.Proxy]) -> proxies.Proxy:
    """The one that tells of the model, once exactly one does."""
    found: list[proxies.Proxy] = []

    def told() -> bool:
        found.clear()
        for each in gateways:
            page = httpx.get(f"http://127.0.0.1:{each.admin}/load", timeout=5).json()
            if page["models"].get(_MODEL, {}).get("ready"):
                found.append(each)
        return len(found) == 1

    deadline = time.monotonic() + 30
    while not told():
        if time.monotonic() > deadline:
            raise SystemExit("no gateway owns the model")
        time.sleep(0.1)
    return found[0]
