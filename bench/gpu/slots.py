"""What does each further busy slot add, and what does a server take of the card's memory?"""

import asyncio
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import llama, load
from bench.gateway.answers import MODEL
from bench.gpu import card

SLOTS, CONTEXT = 32, 2048
BUSY = (1, 2, 4, 8, 16, 32)
_WORDS = 10
_LIMIT = 120.0

HEAD = ("busy slots", "slot utilization", "tokens/s, each", "tokens/s, all", "times one slot")


@dataclass(frozen=True)
class Seen:
    """One load of so many busy slots; decoded tokens a second, as the server counts them."""

    busy: int
    each: float

    @property
    def all(self) -> float:
        """Of all slots; they decode together for nearly all of the time."""
        return self.busy * self.each

    def cells(self, alone: "Seen") -> list[str]:
        """A row of the table."""
        return [
            str(self.busy),
            f"{self.busy / SLOTS:.0%}",
            f"{self.each:.0f}",
            f"{self.all:,.0f}",
            f"{self.all / alone.all:.1f}",
        ]


def rows(servers: llama.Servers, tokens: int, runs: int) -> list[list[str]]:
    """Of one server with all slots: a row for each number of busy ones, medians of the runs."""
    (replica,) = servers.replicas
    _once(replica.port, SLOTS, tokens, "warm")
    found = [_median(replica.port, busy, tokens, runs) for busy in BUSY]
    return [seen.cells(found[0]) for seen in found]


def memory_rows(
    servers: llama.Servers, before: int, estimated: int, model: Path
) -> list[list[str]]:
    """What the server took of the card's memory, and what the operator counts for it."""
    (replica,) = servers.replicas
    _once(replica.port, SLOTS, 16, "memory")
    used = card.used_bytes() - before
    figures = (model.stat().st_size, estimated, used)
    return [[f"{figure / 2**30:.2f} GiB" for figure in figures] + [f"{used / estimated:.2f}"]]


def _median(port: int, busy: int, tokens: int, runs: int) -> Seen:
    return Seen(
        busy,
        statistics.median(_once(port, busy, tokens, f"{busy}.{run}") for run in range(runs)),
    )


def _once(port: int, busy: int, tokens: int, seed: str) -> float:
    """So many requests at once, each with a prompt of its own: the median of their speeds."""
    timings = load.run(_all(port, busy, tokens, seed), _LIMIT)
    return statistics.median(each["predicted_per_second"] for each in timings)


async def _all(port: int, busy: int, tokens: int, seed: str) -> list[dict[str, float]]:
    return await asyncio.gather(*(_one(port, tokens, f"{seed}.{number}") for number in range(busy)))


async def _one(port: int, tokens: int, seed: str) -> dict[str, float]:
    connection = await load.connect(port)
    prompt = " ".join(f"{seed}.{number}" for number in range(_WORDS))
    body = {
        "model": MODEL,
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "messages": [{"role": "user", "content": prompt}],
    }
    answer = (await connection.ask(load.request(json.dumps(body).encode()))).parsed()
    connection.transport.close()
    timings: dict[str, float] = json.loads(answer.body)["timings"]
    if answer.status != 200 or timings["predicted_n"] != tokens:
        raise SystemExit(f"{answer.status}: {answer.body[:500]!r}")
    return timings
