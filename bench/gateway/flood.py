"""What does a tenant feel when another one floods the model?

Scripted replicas, whose slots are the only thing that is scarce. The quiet tenant's requests come
at a steady mean rate, alone at first; then the same ones again, while another tenant sends ten
times as many, which is more than all slots can do.
"""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import answers, load, proxies
from bench.gateway.report import Table, median, percentile

_REPLICAS, _SLOTS, _SERVICE, _JITTER = 4, 4, 0.2, 0.5
_RATE, _TENFOLD = 10.0, 10
_TAIL = 20.0
"""Seconds that the last answers may take."""

TENANTS = {"quiet": "the-key-of-the-quiet-tenant", "flood": "the-key-of-the-flooding-tenant"}
KEYS = "".join(
    f"sha256:{hashlib.sha256(key.encode()).hexdigest()} {tenant}\n"
    for tenant, key in TENANTS.items()
)
QUEUE = 100
"""Requests that may wait at our gateway: its default."""


@dataclass(frozen=True)
class Felt:
    """What became of one tenant's requests."""

    seconds: tuple[float, ...]
    refused: int

    @property
    def p90(self) -> float:
        return percentile(self.seconds, 0.9) if self.seconds else float("inf")


async def _arrivals(port: int, tenant: str, rate: float, seconds: float) -> Felt:
    """Requests of one tenant at random moments, the same ones in each run."""
    loop = asyncio.get_running_loop()
    dice = random.Random(tenant)
    began, due = loop.time(), 0.0
    tasks: list[asyncio.Task[float | None]] = []
    while (due := due + dice.expovariate(rate)) < seconds:
        await asyncio.sleep(began + due - loop.time())
        tasks.append(asyncio.create_task(_one(port, tenant, len(tasks))))
    got = await asyncio.gather(*tasks)
    return Felt(tuple(s for s in got if s is not None), sum(s is None for s in got))


async def _one(port: int, tenant: str, number: int) -> float | None:
    """Seconds until the whole answer; None if it was refused."""
    ask = answers.Ask(number)
    request = load.request(ask.body(), f"Authorization: Bearer {TENANTS[tenant]}")
    connection = await load.connect(port)
    try:
        answer = await connection.ask(request)
    except load.Broken:
        return None
    finally:
        connection.transport.close()
    return answer.whole if answer.is_right(ask) else None


async def _both(port: int, seconds: float) -> tuple[Felt, Felt]:
    return await asyncio.gather(
        _arrivals(port, "quiet", _RATE, seconds),
        _arrivals(port, "flood", _RATE * _TENFOLD, seconds),
    )


def table(work: Path, starts: Sequence[proxies.Start], runs: int, seconds: float) -> Table:
    """Alone and flooded, in turn, through each."""
    rows = []
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(proxies.backend(slots=_SLOTS, service=_SERVICE, jitter=_JITTER))
            for _ in range(_REPLICAS)
        ]
        for start in starts:
            with proxies.started([start], work, replicas) as (proxy,):
                rows.append(_compared(proxy, runs, seconds))
    head = ["through", "alone: p90", "flooded: p90", "ratio", "wanted"]
    head += ["its requests refused", "the flood's p90", "the flood's requests refused"]
    return Table("flood", f" --runs {runs} --seconds {seconds:g}", head, rows)


def _compared(proxy: proxies.Proxy, runs: int, seconds: float) -> list[str]:
    alone, flooded, floods = [], [], []
    for _ in range(runs):
        alone.append(load.run(_arrivals(proxy.port, "quiet", _RATE, seconds), seconds + _TAIL))
        quiet, flood = load.run(_both(proxy.port, seconds), seconds + _TAIL)
        flooded.append(quiet)
        floods.append(flood)
    before, after = (median(felt.p90 for felt in part) for part in (alone, flooded))
    return [
        proxy.name,
        f"{before * 1e3:.0f} ms",
        f"{after * 1e3:.0f} ms",
        f"{after / before:.2f}",
        "≤ 1.5" if proxy.name == "ours" else "",
        str(sum(felt.refused for felt in flooded)),
        f"{median(felt.p90 for felt in floods) * 1e3:.0f} ms",
        str(sum(felt.refused for felt in floods)),
    ]
